package main

import (
	"slices"
	"strings"
)

var selecting = []string{"no-cache", "max-age", "min-fresh", "no-store"}

// Wish is a request for something that may be stored, what is stored of it, which may be nil, and why that is not enough;
// isUsable says that it is.
type Wish struct {
	request  Request
	asked    Directives
	entry    *Entry
	why      string
	isUsable bool
}

// isPlain says whether its forward may do for others (CA-25).
func (w *Wish) isPlain() bool {
	for name := range w.request.Header {
		if strings.HasPrefix(name, "If-") {
			return false
		}
	}
	return w.request.Method == "GET" && !w.asked.has(selecting...)
}

// fits says whether what another one's forward led to is for this one, too (CA-26).
func (w *Wish) fits(outcome Outcome) bool {
	if outcome.Entry == nil {
		return outcome.HasFailed
	}
	return mayStore(w.request, outcome.Entry.response) && outcome.Entry.matches(w.request)
}

// mayServeStale is CA-28.
func (w *Wish) mayServeStale() bool {
	return w.why == "stale" && !w.asked.has(selecting...) && w.entry.mayBeStale("stale-while-revalidate")
}

// mayServeInSpite is CA-29: whether the stored answer is served though the forward failed.
func (w *Wish) mayServeInSpite() bool {
	return w.entry != nil && w.why == "stale" && w.entry.mayBeStale("stale-if-error")
}

// told is the client's answer.
func (w *Wish) told(outcome Outcome, isFollower bool) Response {
	status := "fwd=" + w.why
	switch {
	case isFollower:
		status += "; collapsed"
	case outcome.IsStored:
		status += "; stored"
	}
	if outcome.IsReused {
		return served(w.request.Header, outcome.Entry, status)
	}
	return marked(outcome.Response, status)
}

// refreshing is the wish behind the client's back (CA-28).
func (w *Wish) refreshing() *Wish {
	header := w.request.Header.Clone()
	for _, name := range slices.Concat(conditions, []string{"Cache-Control"}) {
		header.Del(name)
	}
	request := Request{Method: "GET", Target: w.request.Target, Header: header}
	return &Wish{request: request, entry: w.entry, why: "stale"}
}
