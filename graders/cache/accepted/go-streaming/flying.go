package main

import (
	"slices"
	"time"
)

var failed = []int{500, 502, 503, 504}

// fly asks the origin, and tells all who wait as soon as there are the fields.
func (c *Cache) fly(wish *Wish, flight *Flight) Outcome {
	defer close(flight.done) // also after a panic: then each of them asks for itself
	var validated *Entry
	if wish.changesStore() && wish.entry != nil && hasValidator(wish.entry.response.Header) {
		validated = wish.entry
	}
	began := time.Now()
	response, body, first, err := c.origin.fetch(wish.request, validated)
	took := time.Since(began)
	if err != nil {
		response = failure(err)
	}
	outcome := c.settle(wish, response, took, flight, err != nil, validated)
	switch flow := outcome.Response.Flow; {
	case flow == nil && err == nil:
		body.Close()
	case flow != nil && len(first) == 0: // there is none: then it is stored before anybody is told
		flow.fill(body, first, func(whole []byte) { c.arrived(wish, outcome, whole, flight) }, func() { c.end(wish, flight) })
	case flow != nil:
		go flow.fill(body, first, func(whole []byte) { c.arrived(wish, outcome, whole, flight) }, func() { c.end(wish, flight) })
	}
	flight.outcome = outcome
	return outcome
}

// changesStore says whether its answer may.
func (w *Wish) changesStore() bool {
	return w.request.Method == "GET" && !w.asked.has("no-store")
}

// settle says what comes of an answer, or of a failure, by its fields (CA-17, CA-29).
func (c *Cache) settle(
	wish *Wish, response Response, took time.Duration, flight *Flight, isOwn bool, validated *Entry,
) Outcome {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	isFailure := isOwn || slices.Contains(failed, response.Status)
	isJustFresh := response.Status == 304 && validated != nil
	isKept := !isOwn && !isJustFresh && wish.changesStore() && mayStore(wish.request, response)
	if !isKept { // nobody has to wait for a body that is not for him
		c.flights.end(wish.request.Target, flight)
	}
	switch {
	case isFailure && wish.mayServeInSpite():
		c.store.use(wish.entry)
		return Outcome{Entry: wish.entry, IsReused: true}
	case isOwn:
		return Outcome{Response: response, HasFailed: true}
	case isJustFresh:
		entry := newEntry(wish.request, merged(validated.response, response), took)
		if !flight.isVoid && c.store.holds(validated) {
			c.store.put(entry, validated)
		}
		return Outcome{Entry: entry, IsReused: true}
	}
	outcome := Outcome{Response: response, HasFailed: response.Status >= 500}
	if isKept {
		outcome.Entry = newEntry(wish.request, response, took)
		outcome.IsStored = !flight.isVoid
	}
	outcome.Response.Flow = newFlow()
	return outcome
}

// arrived stores an answer whose body is whole, or drops what it shows to be old.
func (c *Cache) arrived(wish *Wish, outcome Outcome, whole []byte, flight *Flight) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	status := outcome.Response.Status
	switch {
	case outcome.Entry != nil && !flight.isVoid:
		entry := *outcome.Entry // others may look at that one
		entry.response.Body = whole
		old := wish.entry
		if !c.store.holds(old) {
			old = c.store.find(wish.request)
		}
		c.store.put(&entry, old)
	case outcome.Entry == nil && wish.entry != nil && wish.changesStore() && status < 500 && status != 304:
		c.store.drop(wish.entry)
	}
}

// end notes that nobody can join any more.
func (c *Cache) end(wish *Wish, flight *Flight) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.flights.end(wish.request.Target, flight)
}
