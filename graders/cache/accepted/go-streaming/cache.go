package main

import "sync"

// Cache decides what is answered from the store, what is forwarded, and who waits for whom.
type Cache struct {
	origin *Origin

	mutex                   sync.Mutex // never held while the origin is asked
	store                   *Store
	flights                 Flights
	hits, misses, collapsed int
}

// newCache is an empty one.
func newCache(origin *Origin, capacity int) *Cache {
	return &Cache{origin: origin, store: newStore(capacity), flights: Flights{}}
}

// stats is CA-31.
func (c *Cache) stats() Response {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return asJSON(200, map[string]int{
		"entries":   c.store.order.Len(),
		"hits":      c.hits,
		"misses":    c.misses,
		"collapsed": c.collapsed,
		"evictions": c.store.evictions,
	})
}

// purge is CA-23.
func (c *Cache) purge(target string) Response {
	if c.invalidate(target) {
		return Response{Status: 204}
	}
	return problem(404, "not stored")
}

// invalidate drops what is stored, and what is on its way; it says whether anything was stored.
func (c *Cache) invalidate(target string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.flights.voidAll(target)
	return c.store.dropAll(target)
}

// answer answers anything that is not for the service itself.
func (c *Cache) answer(request Request) Response {
	if request.Method != "GET" && request.Method != "HEAD" {
		return c.relay(request, "method")
	}
	if has(request.Header, "Range") {
		return c.relay(request, "bypass")
	}
	wish := &Wish{request: request, asked: directivesOf(request.Header)}
	flight, isLeader := c.begin(wish)
	switch {
	case wish.isUsable:
		return served(request.Header, wish.entry, "hit")
	case flight == nil:
		return problem(504, "not stored")
	case isLeader:
		return wish.told(c.fly(wish, flight), false)
	}
	return c.follow(wish, flight)
}

// relay forwards a request; nothing is stored, but what was changed is forgotten.
func (c *Cache) relay(request Request, why string) Response {
	response, body, first, err := c.origin.fetch(request, nil)
	if err != nil {
		return failure(err)
	}
	response.Flow = newFlow()
	go response.Flow.fill(body, first, func([]byte) {}, func() {})
	for _, target := range changedTargets(request, response, c.origin.authority) {
		c.invalidate(target)
	}
	return marked(response, "fwd="+why)
}

// begin looks into the store, and when that is not enough for a flight to join, or begins one; no flight: only-if-cached.
// It is one look at both: what ends between two would be neither stored for this request nor joined by it.
func (c *Cache) begin(wish *Wish) (flight *Flight, isLeader bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	target := wish.request.Target
	wish.entry = c.store.find(wish.request)
	switch {
	case wish.entry != nil:
		wish.why = whyNot(wish.entry, wish.asked)
	case len(c.store.byTarget[target]) > 0:
		wish.why = "vary-miss"
	default:
		wish.why = "uri-miss"
	}
	if wish.why == "" || wish.mayServeStale() {
		c.use(wish)
		return nil, false
	}
	if wish.asked.has("only-if-cached") {
		return nil, false
	}
	c.misses++
	if flight = c.flights.find(target); flight != nil && wish.isPlain() {
		return flight, false
	}
	return c.flights.begin(target, wish.isPlain()), true
}

// use serves what is stored, and begins a refresh when it is stale (CA-28). Under the lock.
func (c *Cache) use(wish *Wish) {
	wish.isUsable = true
	c.hits++
	c.store.use(wish.entry)
	if wish.why != "" && !wish.entry.isRefreshing {
		wish.entry.isRefreshing = true
		go c.refresh(wish.refreshing())
	}
}

// follow waits for another one's forward (CA-25, CA-26).
func (c *Cache) follow(wish *Wish, flight *Flight) Response {
	<-flight.done
	c.mutex.Lock()
	if wish.fits(flight.outcome) {
		c.collapsed++
		c.mutex.Unlock()
		return wish.told(flight.outcome, true)
	}
	own := c.flights.begin(wish.request.Target, false) // nobody waits for this one
	c.mutex.Unlock()
	return wish.told(c.fly(wish, own), false)
}

// refresh renews a stale entry; one that fails changes nothing.
func (c *Cache) refresh(wish *Wish) {
	c.mutex.Lock()
	flight := c.flights.begin(wish.request.Target, false)
	c.mutex.Unlock()
	c.fly(wish, flight)
	c.mutex.Lock()
	wish.entry.isRefreshing = false
	c.mutex.Unlock()
}
