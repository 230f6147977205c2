// A fixed window, opened by the first request that is admitted.

package main

// FixedWindow is one pair's window.
type FixedWindow struct {
	policy   Policy
	openedAt int64
	used     int
}

// Decide admits cost units now, or not at all. A denied request finds a window that is open, and leaves it so.
func (w FixedWindow) Decide(cost int, now int64) Decision {
	if now >= w.IdleAt() {
		w.openedAt, w.used = now, 0
	}
	left := w.IdleAt() - now
	if w.used+cost > w.policy.Limit {
		return Decision{false, w.policy.Limit - w.used, left, left}
	}
	w.used += cost
	return Decision{true, w.policy.Limit - w.used, 0, left}
}

// IdleAt is when the window is over.
func (w *FixedWindow) IdleAt() int64 {
	return w.openedAt + w.policy.Window.Microseconds()
}
