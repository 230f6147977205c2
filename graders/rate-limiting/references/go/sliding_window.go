// A sliding window: the exact one, which remembers when each unit was spent.

package main

// Spending is so many units, spent at a moment.
type Spending struct {
	at   int64
	cost int
}

// SlidingWindow is what one pair spent within the last window, the oldest first.
type SlidingWindow struct {
	policy Policy
	spent  []Spending
	used   int
}

// Decide admits cost units now, or not at all.
func (w *SlidingWindow) Decide(cost int, now int64) Decision {
	w.forget(now)
	missing := w.used + cost - w.policy.Limit
	if missing > 0 {
		return Decision{false, w.policy.Limit - w.used, w.frees(missing) - now, w.frees(1) - now}
	}
	w.spent = append(w.spent, Spending{now, cost})
	w.used += cost
	return Decision{true, w.policy.Limit - w.used, 0, w.frees(1) - now}
}

// forget drops what has left the window: a unit spent at a counts in [a, a + window).
func (w *SlidingWindow) forget(now int64) {
	for len(w.spent) > 0 && now >= w.leaves(w.spent[0]) {
		w.used -= w.spent[0].cost
		w.spent = w.spent[1:] // what is before it goes when append next needs more room
	}
}

// frees is when so many units will have left the window. There are never fewer.
func (w *SlidingWindow) frees(units int) int64 {
	var at int64
	for i := 0; units > 0; i++ {
		units -= w.spent[i].cost
		at = w.leaves(w.spent[i])
	}
	return at
}

func (w *SlidingWindow) leaves(s Spending) int64 {
	return s.at + w.policy.Window.Microseconds()
}

// IdleAt is when the last unit leaves the window.
func (w *SlidingWindow) IdleAt() int64 {
	return w.leaves(w.spent[len(w.spent)-1])
}
