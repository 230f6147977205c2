// What a limiter decides. Time is counted in whole microseconds everywhere, so that nothing is lost by rounding.

package main

// Decision is what was decided, and what the client may plan with.
type Decision struct {
	IsAdmitted bool
	Remaining  int
	Wait       int64 // microseconds until this same request would be admitted; 0 when it was
	Grows      int64 // microseconds until more is left than now
}

// State is what is known of one pair. Moments are microseconds.
type State interface {
	// Decide admits cost units now, or not at all.
	Decide(cost int, now int64) Decision
	// IdleAt is when the state equals that of a pair never seen, if nothing else comes.
	IdleAt() int64
}

const (
	fixedWindow   = "fixed-window"
	slidingWindow = "sliding-window"
	tokenBucket   = "token-bucket"
)

// newState is the state of a pair never seen.
func newState(policy Policy, now int64) State {
	switch policy.Algorithm {
	case fixedWindow:
		return &FixedWindow{policy: policy, openedAt: now}
	case slidingWindow:
		return &SlidingWindow{policy: policy}
	default:
		return newBucket(policy, now)
	}
}

// roundUp is how many whole units hold amount.
func roundUp(amount, unit int64) int64 {
	return (amount + unit - 1) / unit
}
