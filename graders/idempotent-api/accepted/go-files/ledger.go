// The client of the ledger. What it cannot know, it says: unknown.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Outcome is what became of a charge request.
type Outcome int

const (
	unknown     Outcome = iota // money may have moved, or may still
	charged                    // it moved
	declined                   // it did not, and will not
	unavailable                // it did not
)

// Ledger takes a connection of its own for each request: one that is kept may break at any moment, and who knows when?
type Ledger struct {
	url     string
	timeout time.Duration
	client  *http.Client
}

func NewLedger(url string, timeout time.Duration) *Ledger {
	transport := &http.Transport{DisableKeepAlives: true}
	return &Ledger{strings.TrimRight(url, "/"), timeout, &http.Client{Transport: transport}}
}

// Charge moves money; with charged comes the charge's id.
func (l *Ledger) Charge(reference string, payload Payload) (Outcome, string) {
	order := struct {
		Reference string `json:"reference"`
		Payload
	}{reference, payload}
	var told struct {
		Charge string `json:"charge_id"`
	}
	status, err := l.post("/charges", order, &told)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED): // nobody listened, so nothing was sent
		return unavailable, ""
	case err != nil:
		return unknown, ""
	case status == 201:
		return charged, told.Charge
	case status == 402:
		return declined, ""
	case status == 503:
		return unavailable, ""
	}
	return unknown, ""
}

// Close lets nothing happen under reference any more, and says which charges did.
func (l *Ledger) Close(reference string) ([]string, error) {
	var told struct {
		Charges []struct {
			Charge string `json:"charge_id"`
		} `json:"charges"`
	}
	status, err := l.post("/references/"+url.PathEscape(reference)+"/close", nil, &told)
	if err != nil {
		return nil, err
	}
	if status != 200 {
		return nil, fmt.Errorf("the ledger answers %d", status)
	}
	ids := []string{}
	for _, charge := range told.Charges {
		ids = append(ids, charge.Charge)
	}
	return ids, nil
}

// post reads the whole answer, all of it within the timeout.
func (l *Ledger) post(path string, content, told any) (int, error) {
	patience, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	body := []byte{}
	if content != nil {
		body, _ = json.Marshal(content)
	}
	request, err := http.NewRequestWithContext(patience, "POST", l.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := l.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, json.NewDecoder(response.Body).Decode(told)
}
