// What the environment variable POLICIES says.

package main

import (
	"cmp"
	"encoding/json"
	"time"
)

// Policy is a named limit: so many cost units per window.
type Policy struct {
	Name           string
	Algorithm      string
	Limit          int
	Window         time.Duration
	Burst          int
	OnStoreFailure string
}

// Capacity is the most units that could ever be had at once.
func (p Policy) Capacity() int {
	if p.Algorithm == tokenBucket {
		return p.Burst
	}
	return p.Limit
}

// FillsIn is how long all of the capacity takes to come back: the window, or the time in which an empty bucket fills.
func (p Policy) FillsIn() time.Duration {
	if p.Algorithm == tokenBucket {
		return micros(roundUp(int64(p.Burst)*p.Window.Microseconds(), int64(p.Limit)))
	}
	return p.Window
}

// parsePolicies returns policies by their name.
func parsePolicies(text string) (map[string]Policy, error) {
	var tables map[string]struct {
		Algorithm      string `json:"algorithm"`
		Limit          int    `json:"limit"`
		WindowMs       int64  `json:"window_ms"`
		Burst          int    `json:"burst"`
		OnStoreFailure string `json:"on_store_failure"`
	}
	if err := json.Unmarshal([]byte(text), &tables); err != nil {
		return nil, err
	}
	policies := make(map[string]Policy, len(tables))
	for name, table := range tables {
		window := time.Duration(table.WindowMs) * time.Millisecond
		burst, failure := cmp.Or(table.Burst, table.Limit), cmp.Or(table.OnStoreFailure, "closed")
		policies[name] = Policy{name, table.Algorithm, table.Limit, window, burst, failure}
	}
	return policies, nil
}
