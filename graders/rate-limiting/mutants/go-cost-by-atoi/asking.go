// What a request asks for, and the order in which bad ones are refused.

package main

import (
	"regexp"
	"strconv"
)

var (
	clientForm = regexp.MustCompile(`^[\x21-\x7e]{1,128}$`)
)

const mostCost = 1000

// Asked is a request that may be decided.
type Asked struct {
	Policy Policy
	Client string
	Cost   int
}

// Refusal is why a request is refused before any quota is looked at.
type Refusal struct {
	Status int
	Title  string
}

// readRequest says what request asks of the policy called name, or why it is refused.
func readRequest(request Request, name string, policies map[string]Policy) (Asked, *Refusal) {
	policy, found := policies[name]
	if !found {
		return Asked{}, &Refusal{404, "unknown policy"}
	}
	client := request.Header.Get("X-Client-Id")
	if !clientForm.MatchString(client) {
		return Asked{}, &Refusal{400, "missing or invalid client id"}
	}
	cost, isValid := readCost(request)
	if !isValid {
		return Asked{}, &Refusal{400, "invalid cost"}
	}
	if cost > policy.Capacity() {
		return Asked{}, &Refusal{422, "this could never be admitted"}
	}
	return Asked{policy, client, cost}, nil
}

// readCost reads the cost units of request. Query.Get would not tell an empty cost from none.
func readCost(request Request) (cost int, isValid bool) {
	texts, found := request.Query["cost"]
	if !found {
		return 1, true
	}
	cost, err := strconv.Atoi(texts[0])
	return cost, err == nil && cost >= 1 && cost <= mostCost
}
