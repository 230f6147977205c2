// Fixed windows, one per pair of policy and client, opened by the first request that is admitted.

package main

import (
	"sync"
	"time"
)

// Window is an open window.
type Window struct {
	OpenedAt time.Time
	Used     int
}

// Decision is what was decided, and what the client may plan with.
type Decision struct {
	IsAdmitted bool
	Remaining  int
	Wait       time.Duration
}

// Pair is whose state it is.
type Pair struct {
	Policy string
	Client string
}

// Limiter decides one request at a time.
type Limiter struct {
	mutex   sync.Mutex
	windows map[Pair]Window
}

// NewLimiter returns a limiter that has decided nothing yet.
func NewLimiter() *Limiter {
	return &Limiter{windows: map[Pair]Window{}}
}

// Decide admits cost units now, or not at all.
func (l *Limiter) Decide(policy Policy, client string, cost int) Decision {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := time.Now()
	pair := Pair{policy.Name, client}
	window := l.current(policy, pair, now)
	isAdmitted := window.Used+cost <= policy.Limit
	if isAdmitted {
		window.Used += cost
		l.windows[pair] = window // what a map gives is a copy
	}
	return Decision{isAdmitted, policy.Limit - window.Used, window.OpenedAt.Add(policy.Window).Sub(now)}
}

// current is the pair's open window, or one that would open now.
func (l *Limiter) current(policy Policy, pair Pair, now time.Time) Window {
	window, found := l.windows[pair]
	if !found || now.Sub(window.OpenedAt) >= policy.Window {
		return Window{OpenedAt: now}
	}
	return window
}
