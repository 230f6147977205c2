package main

import (
	"net/http"
	"slices"
	"strings"
)

// Outcome is what a forward led to.
type Outcome struct {
	Response Response
	Reused   *Entry // a stored answer in the place of Response: as it was validated, or in spite of a failure
	IsStored bool
	IsShared bool // a failure, or what may be stored: others who wait may have it too
}

// Flight is a forward under way.
type Flight struct {
	key     string // what a request must be equal in to join it; "" when none may
	isVoid  bool   // its target was changed meanwhile
	outcome Outcome
	done    chan struct{} // closed when there is an outcome
}

// Flights are all of them, by target. They are not for several goroutines at once.
type Flights map[string][]*Flight

// find is one that may be joined; nil when there is none.
func (f Flights) find(target, key string) *Flight {
	for _, flight := range f[target] {
		if key != "" && flight.key == key && !flight.isVoid {
			return flight
		}
	}
	return nil
}

// begin notes that one is under way.
func (f Flights) begin(target, key string) *Flight {
	flight := &Flight{key: key, done: make(chan struct{})}
	f[target] = append(f[target], flight)
	return flight
}

// end notes that it is over.
func (f Flights) end(target string, flight *Flight) {
	f[target] = slices.DeleteFunc(f[target], func(each *Flight) bool { return each == flight })
	if len(f[target]) == 0 {
		delete(f, target)
	}
}

// voidAll is CA-24: what is under way for a target is stored no more, and joined by nobody.
func (f Flights) voidAll(target string) {
	for _, flight := range f[target] {
		flight.isVoid = true
	}
}

// keyOf is equal for requests with equal fields.
func keyOf(header http.Header) string {
	lines := []string{}
	for name, values := range header {
		lines = append(lines, name+":"+strings.Join(values, "\n"))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\r")
}
