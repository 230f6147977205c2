// A bucket into which tokens trickle.
//
// Limit tokens per window are Limit parts per microsecond when a token is cut into as many parts as the window has
// microseconds. So the level is a whole number of parts, and no fraction is ever lost.

package main

// TokenBucket is one pair's bucket.
type TokenBucket struct {
	rate   int64 // parts per microsecond
	token  int64 // parts of one
	full   int64
	level  int64
	seenAt int64
}

func newBucket(policy Policy, now int64) *TokenBucket {
	token := policy.Window.Microseconds()
	full := int64(policy.Burst) * token // at most 10,000 * 86,400,000,000: far from what an int64 holds
	return &TokenBucket{int64(policy.Limit), token, full, full, now}
}

// Decide admits cost units now, or not at all.
func (b *TokenBucket) Decide(cost int, now int64) Decision {
	b.refill(now)
	price := int64(cost) * b.token
	wait := int64(0)
	isAdmitted := b.level >= price
	if isAdmitted {
		b.level -= price
	} else {
		wait = b.reaches(price)
	}
	remaining := b.level / b.token
	return Decision{isAdmitted, int(remaining), wait, b.reaches((remaining + 1) * b.token)}
}

// refill adds what has trickled in since the bucket was last seen.
func (b *TokenBucket) refill(now int64) {
	b.level = min(b.full, b.level+(now-b.seenAt)*b.rate)
	b.seenAt = now
}

// reaches is how long the bucket takes from here to level.
func (b *TokenBucket) reaches(level int64) int64 {
	return roundUp(level-b.level, b.rate)
}

// IdleAt is when the bucket is full.
func (b *TokenBucket) IdleAt() int64 {
	return b.seenAt + b.reaches(b.full)
}
