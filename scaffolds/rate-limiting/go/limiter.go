// The heart of it: may this client have `cost` more units now?

package main

// Policy is one entry of POLICIES (`lab spec RL-2`). What it leaves out is 0 or "" here.
type Policy struct {
	Algorithm      string `json:"algorithm"`
	Limit          int    `json:"limit"`
	WindowMs       int64  `json:"window_ms"`
	Burst          int    `json:"burst"`
	OnStoreFailure string `json:"on_store_failure"`
}

// Limiter decides. Its policies are what POLICIES says, by their names.
type Limiter struct {
	policies map[string]Policy
}

// NewLimiter returns a limiter that has decided nothing yet.
func NewLimiter(policies map[string]Policy) *Limiter {
	return &Limiter{policies: policies}
}

// Decide says whether the request is admitted.
//
// TODO: a fixed window (`lab spec RL-12`). Think of this: the difference of two time.Now() never jumps, time.Unix() does;
// each pair of policy and client has a state of its own; requests arrive in many goroutines at once, and a map that two
// of them write to ends the program.
func (l *Limiter) Decide(policy, client string, cost int) bool {
	panic(NotImplemented("Limiter.Decide() in limiter.go"))
}

// Tracked says for how many pairs of policy and client there is state in this process.
//
// TODO, in the stage `memory` (`lab spec RL-17`): forget pairs whose state is that of a pair never seen.
func (l *Limiter) Tracked() int {
	panic(NotImplemented("Limiter.Tracked() in limiter.go"))
}
