// Your cache: begin here.
//
// `lab test` builds and tests it; `lab run` starts it; README.md says what it must do.
package main

import (
	"cmp"
	"log"
	"net/url"
	"os"
	"strconv"
	"time"
)

var cache *Cache

func main() {
	origin, err := url.Parse(cmp.Or(os.Getenv("ORIGIN_URL"), "http://127.0.0.1:8001"))
	if err != nil {
		log.Fatal(err)
	}
	timeout := time.Duration(number("ORIGIN_TIMEOUT_MS", 2000)) * time.Millisecond
	cache = NewCache(origin.Host, timeout, number("CACHE_MAX_ENTRIES", 1000))
	serve(answer)
}

// number is what a variable of the environment says, or what it is without.
func number(name string, without int) int {
	if found, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return found
	}
	return without
}

// answer finds what answers a request. It is called in many goroutines at once.
func answer(request Request) Response {
	switch {
	case request.Method == "GET" && request.Target == "/healthz":
		return asJSON(200, map[string]string{"status": "ok"})
	case request.Method == "GET" && request.Target == "/stats":
		panic(NotImplemented("GET /stats in main.go: `lab spec CA-31`"))
	case request.Method == "PURGE":
		panic(NotImplemented("PURGE in main.go: `lab spec CA-23`"))
	}
	return cache.Answer(request)
}
