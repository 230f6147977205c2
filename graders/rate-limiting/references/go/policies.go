// What the environment variable POLICIES says.

package main

import (
	"encoding/json"
	"time"
)

// Policy is a named limit: so many cost units per window.
type Policy struct {
	Name      string
	Algorithm string
	Limit     int
	Window    time.Duration
}

// Capacity is the most units that could ever be had at once.
func (p Policy) Capacity() int {
	return p.Limit
}

// parsePolicies returns policies by their name.
func parsePolicies(text string) (map[string]Policy, error) {
	var tables map[string]struct {
		Algorithm string `json:"algorithm"`
		Limit     int    `json:"limit"`
		WindowMs  int64  `json:"window_ms"`
	}
	if err := json.Unmarshal([]byte(text), &tables); err != nil {
		return nil, err
	}
	policies := make(map[string]Policy, len(tables))
	for name, table := range tables {
		window := time.Duration(table.WindowMs) * time.Millisecond
		policies[name] = Policy{name, table.Algorithm, table.Limit, window}
	}
	return policies, nil
}
