package main

import "math"

// state is what one pair has spent. Times are µs since the start.
type state interface {
	decide(rule *policy, cost, now int64) verdict
	isIdle(now int64) bool
}

func (p *policy) newState() state {
	switch p.Algorithm {
	case "fixed-window":
		return &fixed{end: math.MinInt64}
	case "sliding-window":
		return &sliding{}
	default:
		return &bucket{}
	}
}

type fixed struct{ end, used int64 }

func (f *fixed) decide(rule *policy, cost, now int64) verdict {
	if now >= f.end {
		f.end, f.used = now+rule.window(), 0
	}
	if f.used+cost > rule.Limit {
		return verdict{false, rule.Limit - f.used, f.end - now, f.end - now}
	}
	f.used += cost
	return verdict{true, rule.Limit - f.used, 0, f.end - now}
}

func (f *fixed) isIdle(now int64) bool { return now >= f.end }

// sliding is a ring of requests, as large as it ever had to be.
type sliding struct {
	ring        []spent
	first, size int
	used        int64
	last        int64
}

type spent struct{ leaves, cost int64 }

func (s *sliding) at(i int) *spent { return &s.ring[(s.first+i)%len(s.ring)] }

func (s *sliding) decide(rule *policy, cost, now int64) verdict {
	for s.size > 0 && s.at(0).leaves <= now {
		s.used -= s.at(0).cost
		s.first = (s.first + 1) % len(s.ring)
		s.size--
	}
	if missing := s.used + cost - rule.Limit; missing > 0 {
		i := 0
		for missing -= s.at(0).cost; missing > 0; missing -= s.at(i).cost {
			i++
		}
		return verdict{false, rule.Limit - s.used, s.at(i).leaves - now, s.at(0).leaves - now}
	}
	s.push(spent{now + rule.window(), cost})
	s.used += cost
	return verdict{true, rule.Limit - s.used, 0, s.at(0).leaves - now}
}

func (s *sliding) push(new spent) {
	if s.size == len(s.ring) {
		larger := make([]spent, 2*s.size+1)
		for i := range s.size {
			larger[i] = *s.at(i)
		}
		s.ring, s.first = larger, 0
	}
	s.size++
	*s.at(s.size - 1) = new
	s.last = new.leaves
}

func (s *sliding) isIdle(now int64) bool { return now >= s.last }

// bucket knows one number: when it will be full again, in parts of a µs as many as the limit is. A token is then as many
// parts as the window has µs. (The generic cell rate algorithm, ITU-T I.371.)
type bucket struct{ fullAt, limit int64 }

func (b *bucket) decide(rule *policy, cost, now int64) verdict {
	b.limit = rule.Limit
	token, present := rule.window(), now*b.limit
	debt := max(0, b.fullAt-present)
	admitted := debt+cost*token <= rule.burst()*token
	if admitted {
		debt += cost * token
		b.fullAt = present + debt
	}
	left := rule.burst() - up(debt, token)
	wait := int64(0)
	if !admitted {
		wait = up(debt-(rule.burst()-cost)*token, b.limit)
	}
	return verdict{admitted, left, wait, up(debt-(rule.burst()-left-1)*token, b.limit)}
}

func (b *bucket) isIdle(now int64) bool { return now*b.limit >= b.fullAt }

// up divides, and rounds up.
func up(amount, unit int64) int64 { return (amount + unit - 1) / unit }
