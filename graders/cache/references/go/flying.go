package main

import (
	"slices"
	"time"
)

var failed = []int{500, 502, 503, 504}

// fly asks the origin, and tells all who wait.
func (c *Cache) fly(wish *Wish, flight *Flight) Outcome {
	defer func() { // also after a panic: then each of them asks for itself
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.flights.end(wish.request.Target, flight)
		close(flight.done)
	}()
	flight.outcome = c.settle(wish, flight)
	return flight.outcome
}

// settle asks the origin, and keeps what may be kept (CA-17, CA-29).
func (c *Cache) settle(wish *Wish, flight *Flight) Outcome {
	changesStore := wish.request.Method == "GET" && !wish.asked.has("no-store")
	var validated *Entry
	if changesStore && wish.entry != nil && hasValidator(wish.entry.response.Header) {
		validated = wish.entry
	}
	began := time.Now()
	response, err := c.origin.fetch(wish.request, validated)
	took := time.Since(began)
	if err != nil {
		response = failure(err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch hasFailed := err != nil || slices.Contains(failed, response.Status); {
	case hasFailed && wish.mayServeInSpite():
		c.store.use(wish.entry)
		return Outcome{Reused: wish.entry, IsShared: true}
	case err != nil:
		return Outcome{Response: response, IsShared: true}
	case !changesStore:
		return Outcome{Response: response}
	case response.Status == 304 && validated != nil:
		return c.renew(wish, response, took, flight)
	}
	return c.keep(wish, response, took, flight)
}

// renew is CA-17: it did not change. Under the lock.
func (c *Cache) renew(wish *Wish, response Response, took time.Duration, flight *Flight) Outcome {
	entry := newEntry(wish.request, merged(wish.entry.response, response), took)
	if !flight.isVoid && c.store.holds(wish.entry) {
		c.store.put(entry, wish.entry)
	}
	return Outcome{Reused: entry, IsShared: true}
}

// keep stores an answer, or drops what it shows to be old. Under the lock.
func (c *Cache) keep(wish *Wish, response Response, took time.Duration, flight *Flight) Outcome {
	if mayStore(wish.request, response) {
		if flight.isVoid {
			return Outcome{Response: response, IsShared: true}
		}
		old := wish.entry
		if !c.store.holds(old) {
			old = c.store.find(wish.request)
		}
		c.store.put(newEntry(wish.request, response, took), old)
		return Outcome{Response: response, IsStored: true, IsShared: true}
	}
	if wish.entry != nil && response.Status < 500 && response.Status != 304 {
		c.store.drop(wish.entry)
	}
	return Outcome{Response: response, IsShared: response.Status >= 500}
}
