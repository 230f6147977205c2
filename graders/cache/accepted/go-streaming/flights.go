package main

import "slices"

// Outcome is what a forward led to.
type Outcome struct {
	Response  Response
	Entry     *Entry // what may be stored of it, but for its body
	IsReused  bool   // Entry is the answer: it was validated, or is used in spite of a failure
	IsStored  bool
	HasFailed bool
}

// Flight is a forward under way.
type Flight struct {
	isJoinable bool
	isVoid     bool // its target was changed meanwhile
	outcome    Outcome
	done       chan struct{} // closed when there is an outcome, though its body may be still to come
}

// Flights are all of them, by target. They are not for several goroutines at once.
type Flights map[string][]*Flight

// find is one that may be joined, whatever the fields; nil when there is none.
func (f Flights) find(target string) *Flight {
	for _, flight := range f[target] {
		if flight.isJoinable && !flight.isVoid {
			return flight
		}
	}
	return nil
}

// begin notes that one is under way.
func (f Flights) begin(target string, isJoinable bool) *Flight {
	flight := &Flight{isJoinable: isJoinable, done: make(chan struct{})}
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
