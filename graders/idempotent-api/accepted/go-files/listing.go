// GET /payments: pages that stay put while payments are added.

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
)

var limits = regexp.MustCompile(`^([1-9][0-9]?|100)$`)

const defaultLimit = 20

// page is one page. A cursor names the last payment of the page before, by its place from the oldest on.
func page(request Request, tenant string, store *Store) Response {
	limit, before := defaultLimit, math.MaxInt
	if text, given := request.Query["limit"]; given {
		if !limits.MatchString(text[0]) {
			return problem(400, "invalid limit", nil, nil)
		}
		limit, _ = strconv.Atoi(text[0])
	}
	if text, given := request.Query["cursor"]; given {
		number, err := readCursor(text[0])
		if err != nil {
			return problem(400, "invalid cursor", nil, nil)
		}
		before = number
	}
	bodies, numbers := store.Page(tenant, request.Query.Get("account"), !request.Query.Has("account"), before, limit+1)
	content := map[string]any{"items": []json.RawMessage{}, "next": nil}
	if len(bodies) > limit {
		bodies = bodies[:limit]
		content["next"] = writeCursor(numbers[limit-1])
	}
	if len(bodies) > 0 {
		content["items"] = bodies
	}
	return Response{Status: 200, Content: content}
}

// writeCursor is opaque to clients, so that it can change some day.
func writeCursor(number int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "before %d", number))
}

// readCursor is the number that a cursor of ours was made of.
func readCursor(text string) (int, error) {
	var number int
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		_, err = fmt.Sscanf(string(plain), "before %d", &number)
	}
	if err == nil && (number < 0 || writeCursor(number) != text) {
		err = fmt.Errorf("%q is no cursor of ours", text)
	}
	return number, err
}
