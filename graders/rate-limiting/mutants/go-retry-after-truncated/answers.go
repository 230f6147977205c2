// Answers to requests that were decided, with their RateLimit fields, and to those that could not be.

package main

import (
	"fmt"
	"strconv"
	"time"
)

// Admission is the body of a 200.
type Admission struct {
	Policy    string `json:"policy"`
	Client    string `json:"client"`
	Remaining int    `json:"remaining"`
}

// admitted is 200: the client had what it asked for.
func admitted(asked Asked, decision Decision) Response {
	content := Admission{asked.Policy.Name, asked.Client, decision.Remaining}
	return Response{Status: 200, Content: content, Headers: fields(asked.Policy, decision)}
}

// denied is 429: it may come back after the shortest wait that helps.
func denied(asked Asked, decision Decision) Response {
	headers := fields(asked.Policy, decision)
	wait := micros(decision.Wait)
	headers["Retry-After"] = strconv.Itoa(int(wait.Seconds()))
	members := map[string]any{"retry_after_ms": wholeUp(wait, time.Millisecond)}
	return problem(429, "too many requests", headers, members)
}

// undecided lets everyone in, or no one, as the policy says: the store failed.
func undecided(asked Asked) Response {
	if asked.Policy.OnStoreFailure == "open" {
		content := map[string]string{"policy": asked.Policy.Name, "client": asked.Client}
		return Response{Status: 200, Content: content, Headers: map[string]string{"X-RateLimit-Degraded": "true"}}
	}
	headers := map[string]string{"Retry-After": "1"}
	return problem(503, "the store of the limits does not answer", headers, nil)
}

// fields are those of draft-ietf-httpapi-ratelimit-headers-11.
func fields(policy Policy, decision Decision) map[string]string {
	window, reset := wholeUp(policy.FillsIn(), time.Second), wholeUp(micros(decision.Grows), time.Second)
	return map[string]string{
		"RateLimit-Policy": fmt.Sprintf(`"%s";q=%d;w=%d`, policy.Name, policy.Capacity(), window),
		"RateLimit":        fmt.Sprintf(`"%s";r=%d;t=%d`, policy.Name, decision.Remaining, reset),
	}
}

// micros is so many microseconds.
func micros(count int64) time.Duration {
	return time.Duration(count) * time.Microsecond
}

// wholeUp is duration in whole units, rounded up; Seconds and Milliseconds would leave that to be done.
func wholeUp(duration, unit time.Duration) int {
	return int((duration + unit - 1) / unit)
}
