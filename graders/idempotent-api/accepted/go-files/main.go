// A payments API: plain code on the scaffold's own HTTP layer, a file for each key below it.
package main

import (
	"cmp"
	"log"
	"os"
	"strconv"
	"strings"
	"time"
)

const dropEvery = time.Second

var (
	store    *Store
	payments *Payments
)

func main() {
	var err error
	if store, err = OpenStore(cmp.Or(os.Getenv("DATA_DIR"), "."), milliseconds("KEY_TTL_MS", 86_400_000)); err != nil {
		log.Fatal(err)
	}
	payments = NewPayments(store, NewLedger(os.Getenv("LEDGER_URL"), milliseconds("LEDGER_TIMEOUT_MS", 500)))
	go func() {
		for range time.Tick(dropEvery) {
			store.DropExpired()
		}
	}()
	serve(route)
}

// milliseconds is what a variable of the environment says, or what it is without.
func milliseconds(name string, without int) time.Duration {
	if number, err := strconv.Atoi(os.Getenv(name)); err == nil {
		without = number
	}
	return time.Duration(without) * time.Millisecond
}

// route finds what answers a request.
func route(request Request) Response {
	id, isOne := strings.CutPrefix(request.Path, "/payments/")
	switch {
	case request.Path == "/healthz":
		return Response{Status: 200, Content: map[string]string{"status": "ok"}}
	case request.Path == "/stats":
		return Response{Status: 200, Content: map[string]int{"keys": store.CountKeys()}}
	case request.Path != "/payments" && !isOne:
		return problem(404, "unknown path", nil, nil)
	}
	tenant, refusal := readTenant(request)
	switch {
	case refusal != nil:
		return *refusal
	case isOne:
		return one(tenant, id)
	case request.Method != "POST":
		return page(request, tenant, store)
	}
	asked, refusal := readPayment(request, tenant)
	if refusal != nil {
		return *refusal
	}
	return payments.Pay(asked)
}

// one is GET /payments/{id}.
func one(tenant, id string) Response {
	if body := store.Payment(tenant, id); body != nil {
		return Response{Status: 200, Content: body}
	}
	return problem(404, "no such payment", nil, nil)
}
