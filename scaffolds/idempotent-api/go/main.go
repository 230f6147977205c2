// Your payments API: begin here.
//
// `lab test` builds and tests it; `lab run` starts it; README.md says what it must do.
package main

import (
	"cmp"
	"os"
	"strconv"
	"strings"
	"time"
)

var payments = NewPayments(
	cmp.Or(os.Getenv("DATA_DIR"), "."),
	os.Getenv("LEDGER_URL"),
	milliseconds("LEDGER_TIMEOUT_MS", 500),
	milliseconds("KEY_TTL_MS", 86_400_000),
)

func main() {
	serve(route)
}

// milliseconds is what a variable of the environment says, or what it is without.
func milliseconds(name string, without int) time.Duration {
	if number, err := strconv.Atoi(os.Getenv(name)); err == nil {
		without = number
	}
	return time.Duration(without) * time.Millisecond
}

// route finds what answers a request. It is called in many goroutines at once.
func route(request Request) Response {
	switch id, isOne := strings.CutPrefix(request.Path, "/payments/"); {
	case request.Path == "/healthz":
		return Response{Status: 200, Content: map[string]string{"status": "ok"}}
	case request.Path == "/stats":
		return stats()
	case request.Path == "/payments" && request.Method == "POST":
		return create(request)
	case request.Path == "/payments":
		return page(request)
	case isOne:
		return one(request, id)
	}
	return problem(404, "unknown path", nil, nil)
}

// create is POST /payments.
//
// TODO: read the tenant, request.Header.Values("Authorization"), the key, request.Header.Values("Idempotency-Key"), and
// the payload, request.Body; refuse what the rules refuse (`lab spec IA-5`, `lab spec IA-6`, `lab spec IA-7`); let
// payments charge it; answer 201 with Location (`lab spec IA-9`).
func create(request Request) Response {
	panic(NotImplemented("create() in main.go"))
}

// one is GET /payments/{id}. TODO: `lab spec IA-18`.
func one(request Request, id string) Response {
	panic(NotImplemented("one() in main.go"))
}

// page is GET /payments?account=A&limit=L&cursor=C. TODO: `lab spec IA-19`, `lab spec IA-20`.
func page(request Request) Response {
	panic(NotImplemented("page() in main.go"))
}

// stats is GET /stats. TODO: `lab spec IA-24`.
func stats() Response {
	panic(NotImplemented("stats() in main.go"))
}
