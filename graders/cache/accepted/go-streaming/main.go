// An accepted solution in another style: one http.Transport whose connections are kept, bodies that pass on as they come, also to
// those who wait, and one forward for all who ask for a target, whatever their fields: whom its answer does not fit asks anew.
package main

import (
	"cmp"
	"log"
	"os"
	"strconv"
	"time"
)

func main() {
	timeout := time.Duration(number("ORIGIN_TIMEOUT_MS", 2000)) * time.Millisecond
	origin, err := newOrigin(os.Getenv("ORIGIN_URL"), timeout)
	if err != nil {
		log.Fatal(err)
	}
	cache := newCache(origin, number("CACHE_MAX_ENTRIES", 1000))
	serve(func(request Request) Response {
		switch {
		case request.Method == "GET" && request.Target == "/healthz":
			return asJSON(200, map[string]string{"status": "ok"})
		case request.Method == "GET" && request.Target == "/stats":
			return cache.stats()
		case request.Method == "PURGE":
			return cache.purge(request.Target)
		}
		return cache.answer(request)
	})
}

// number is what a variable of the environment says, or what it is without.
func number(name string, without int) int {
	found, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(without)))
	if err != nil {
		log.Fatal(err)
	}
	return found
}
