// An accepted solution in another style: a file for each key, and nobody waits: 409 while a key is taken, and only a retry resolves.

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

// Payments works on one request of a key at a time.
type Payments struct {
	store   *Store
	ledger  *Ledger
	working sync.Map
}

func NewPayments(store *Store, ledger *Ledger) *Payments {
	return &Payments{store: store, ledger: ledger}
}

// Pay answers POST /payments.
func (p *Payments) Pay(asked Asked) Response {
	if _, taken := p.working.LoadOrStore(asked.Name, true); taken {
		return busy
	}
	defer p.working.Delete(asked.Name)
	return p.work(asked)
}

// work has the key to itself.
func (p *Payments) work(asked Asked) Response {
	entry := p.store.Find(asked.Name)
	switch {
	case entry == nil:
		return p.charge(asked)
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
		return p.succeed(asked, reference, charges[0])
	}
	return p.charge(asked)
}

// charge asks the ledger, under a reference that is on disk before it is used.
func (p *Payments) charge(asked Asked) Response {
	reference := rand.Text()
	p.store.Begin(asked, reference)
	switch outcome, charge := p.ledger.Charge(reference, asked.Payload); {
	case outcome == charged:
		return p.succeed(asked, reference, charge)
	case outcome == declined:
		return p.finish(asked, reference, Finish{Status: 402, ContentType: "application/problem+json", Body: noEffect})
	case outcome == unavailable:
		p.store.Forget(asked.Name)
		return notNow
	}
	return unresolved
}

// succeed notes the payment, then the key's answer, and then answers. The same reference makes the same payment.
func (p *Payments) succeed(asked Asked, reference, charge string) Response {
	body, _ := json.Marshal(map[string]any{
		"id": reference, "amount": asked.Amount, "currency": asked.Currency, "account": asked.Account,
		"charge_id": charge, "status": "succeeded",
	})
	p.store.Pay(Payment{Tenant: asked.Tenant, ID: reference, Account: asked.Account, Body: body})
	location := "/payments/" + reference
	return p.finish(asked, reference, Finish{Status: 201, ContentType: "application/json", Location: location, Body: body})
}

func (p *Payments) finish(asked Asked, reference string, finish Finish) Response {
	p.store.Finish(asked, reference, finish)
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
