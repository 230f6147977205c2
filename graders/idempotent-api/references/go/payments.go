// The heart of it: one payment per key, whatever happens on the way.

package main

import (
	"crypto/rand"
	"encoding/json"
	"sync"
)

var (
	busy        = problem(409, "another request is working on this key", map[string]string{"Retry-After": "1"}, nil)
	other       = problem(422, "this key was used for another payload", nil, nil)
	notNow      = problem(503, "the ledger does not answer now", map[string]string{"Retry-After": "1"}, nil)
	unresolved  = problem(504, "the ledger's answer is unknown; try again", nil, nil)
	noEffect, _ = json.Marshal(map[string]any{"title": "the ledger declined", "status": 402})
)

// Payments works on one request of a key at a time; who comes meanwhile waits for it.
type Payments struct {
	store   *Store
	ledger  *Ledger
	lock    sync.Mutex
	working map[Name]chan struct{}
}

func NewPayments(store *Store, ledger *Ledger) *Payments {
	return &Payments{store: store, ledger: ledger, working: map[Name]chan struct{}{}}
}

// Pay answers POST /payments.
func (p *Payments) Pay(asked Asked) Response {
	others := p.take(asked.Name)
	if others != nil {
		<-others
		// Only once: of many that wait, one goes on, and for the others a finished key is all that is worth waiting for.
		if others = p.take(asked.Name); others != nil {
			if entry := p.store.Find(asked.Name); entry != nil && entry.Finish != nil {
				return ofFinished(asked, entry)
			}
			return busy
		}
	}
	defer p.leave(asked.Name)
	return p.work(asked)
}

// take gives the key to the caller, or says what to wait for.
func (p *Payments) take(name Name) chan struct{} {
	p.lock.Lock()
	defer p.lock.Unlock()
	if others, taken := p.working[name]; taken {
		return others
	}
	p.working[name] = make(chan struct{})
	return nil
}

func (p *Payments) leave(name Name) {
	p.lock.Lock()
	defer p.lock.Unlock()
	close(p.working[name])
	delete(p.working, name)
}

// work has the key to itself.
func (p *Payments) work(asked Asked) Response {
	entry := p.store.Find(asked.Name)
	switch {
	case entry == nil:
		return p.charge(asked, true)
	case entry.Payload != asked.Payload || entry.Finish != nil:
		return ofFinished(asked, entry)
	}
	return p.resolve(asked, entry.Reference)
}

// ofFinished answers from what is recorded.
func ofFinished(asked Asked, entry *Entry) Response {
	if entry.Payload != asked.Payload {
		return other
	}
	response := entry.Finish.Response()
	response.Headers["Idempotent-Replayed"] = "true"
	return response
}

// resolve finds out what became of a charge request whose answer nobody knows.
func (p *Payments) resolve(asked Asked, reference string) Response {
	charges, err := p.ledger.Close(reference)
	switch {
	case err != nil:
		return unresolved
	case len(charges) > 0:
		return p.succeed(asked, charges[0])
	}
	return p.charge(asked, false)
}

// charge asks the ledger, under a reference that is on disk before it is used. The first time it resolves at once.
func (p *Payments) charge(asked Asked, isFirst bool) Response {
	reference := rand.Text()
	p.store.Begin(asked, reference)
	switch outcome, charge := p.ledger.Charge(reference, asked.Payload); {
	case outcome == charged:
		return p.succeed(asked, charge)
	case outcome == declined:
		return p.finish(asked, Finish{Status: 402, ContentType: "application/problem+json", Body: noEffect}, nil)
	case outcome == unavailable:
		p.store.Forget(asked.Name)
		return notNow
	case isFirst:
		return p.resolve(asked, reference)
	}
	return unresolved
}

// succeed notes the payment and the key's answer together, then answers.
func (p *Payments) succeed(asked Asked, charge string) Response {
	id := rand.Text()
	body, _ := json.Marshal(map[string]any{
		"id": id, "amount": asked.Amount, "currency": asked.Currency, "account": asked.Account,
		"charge_id": charge, "status": "succeeded",
	})
	finish := Finish{Status: 201, ContentType: "application/json", Location: "/payments/" + id, Body: body}
	return p.finish(asked, finish, &Payment{ID: id, Account: asked.Account})
}

func (p *Payments) finish(asked Asked, finish Finish, payment *Payment) Response {
	p.store.Finish(asked.Name, finish, payment)
	return finish.Response()
}

// Response is the answer that a key ended with.
func (f Finish) Response() Response {
	headers := map[string]string{}
	if f.Location != "" {
		headers["Location"] = f.Location
	}
	return Response{f.Status, f.Body, headers, f.ContentType}
}
