// What a request asks for, and the order in which bad ones are refused.

package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	bearer    = regexp.MustCompile(`^(?i:bearer) ([A-Za-z0-9_-]{1,64})$`)
	bareKey   = regexp.MustCompile(`^[\x21\x23-\x7e]+$`)
	quotedKey = regexp.MustCompile(`^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$`)
	unescaper = strings.NewReplacer(`\"`, `"`, `\\`, `\`)
	accounts  = regexp.MustCompile(`^[\x20-\x7e]{1,64}$`)
	amounts   = regexp.MustCompile(`^[1-9][0-9]{0,12}$`)
)

const (
	most       = 1_000_000_000_000
	longestKey = 255
)

// Payload is what a payment is; equal payloads are equal, however they were written.
type Payload struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Account  string `json:"account"`
}

// Name is a tenant's key.
type Name struct{ Tenant, Key string }

// Asked is a payment that is asked for.
type Asked struct {
	Name
	Payload
}

func refuse(status int, title string) *Response {
	refusal := problem(status, title, nil, nil)
	return &refusal
}

// readTenant says whose request it is.
func readTenant(request Request) (string, *Response) {
	if lines := request.Header.Values("Authorization"); len(lines) == 1 {
		if found := bearer.FindStringSubmatch(lines[0]); found != nil {
			return found[1], nil
		}
	}
	refusal := problem(401, "who are you?", map[string]string{"WWW-Authenticate": "Bearer"}, nil)
	return "", &refusal
}

// readPayment says what the tenant asks for.
func readPayment(request Request, tenant string) (Asked, *Response) {
	key, refusal := readKey(request.Header.Values("Idempotency-Key"))
	if refusal != nil {
		return Asked{}, refusal
	}
	var told map[string]json.RawMessage
	if !utf8.Valid(request.Body) || json.Unmarshal(request.Body, &told) != nil || told == nil {
		return Asked{}, refuse(400, "the body is not a JSON object")
	}
	payload, refusal := readPayload(told)
	return Asked{Name{tenant, key}, payload}, refusal
}

// readPayload takes exactly three members: null and numbers with fractions are refused by their very text.
func readPayload(told map[string]json.RawMessage) (Payload, *Response) {
	var payload Payload
	amount, currency, account := told["amount"], told["currency"], told["account"]
	switch {
	case len(told) != 3 || currency == nil || account == nil:
		return payload, refuse(400, "the body has amount, currency and account, and no more")
	case !amounts.Match(amount) || json.Unmarshal(amount, &payload.Amount) != nil || payload.Amount > most:
		return payload, refuse(400, "invalid amount")
	case currency[0] != '"' || json.Unmarshal(currency, &payload.Currency) != nil:
		return payload, refuse(400, "invalid currency")
	case payload.Currency != "EUR" && payload.Currency != "USD" && payload.Currency != "INR":
		return payload, refuse(400, "unknown currency")
	case account[0] != '"' || json.Unmarshal(account, &payload.Account) != nil || !accounts.MatchString(payload.Account):
		return payload, refuse(400, "invalid account")
	}
	return payload, nil
}

// readKey takes a structured-field string, or the same bare.
func readKey(lines []string) (string, *Response) {
	if len(lines) != 1 {
		return "", refuse(400, "one Idempotency-Key is needed")
	}
	key := ""
	if bareKey.MatchString(lines[0]) {
		key = lines[0]
	} else if quoted := quotedKey.FindStringSubmatch(lines[0]); quoted != nil {
		key = unescaper.Replace(quoted[1])
	}
	if key == "" || len(key) > longestKey {
		return "", refuse(400, "invalid Idempotency-Key")
	}
	return key, nil
}
