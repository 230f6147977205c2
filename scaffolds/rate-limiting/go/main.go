// Your rate limiter: begin here.
//
// `lab test` builds and tests it; `lab run` starts it; README.md says what it must do.
package main

import (
	"encoding/json"
	"log"
	"os"
	"strings"
)

// From the stage `shared` on REDIS_URL may be set, and then state is in Redis: redis.go is for that.
var limiter = NewLimiter(policies())

func main() {
	serve(route)
}

// policies says what POLICIES says, by the policies' names.
func policies() map[string]Policy {
	found := map[string]Policy{}
	if text := os.Getenv("POLICIES"); text != "" {
		if err := json.Unmarshal([]byte(text), &found); err != nil {
			log.Fatalf("POLICIES: %v", err)
		}
	}
	return found
}

// route finds what answers a request. It is called in many goroutines at once.
func route(request Request) Response {
	if request.Path == "/healthz" {
		return Response{Status: 200, Content: map[string]string{"status": "ok"}}
	}
	if request.Path == "/stats" {
		return Response{Status: 200, Content: map[string]int{"tracked_clients": limiter.Tracked()}}
	}
	if policy, found := strings.CutPrefix(request.Path, "/resource/"); found {
		return resource(request, policy)
	}
	return problem(404, "unknown path", nil, nil)
}

// resource is GET /resource/{policy}.
//
// TODO: read the client's id, request.Header.Get("X-Client-Id"), and the cost, request.Query["cost"]; refuse what the
// rules refuse (`lab spec RL-5`); ask the limiter; answer 200 or 429 (`lab spec RL-8`, `lab spec RL-9`).
func resource(request Request, policy string) Response {
	panic(NotImplemented("resource() in main.go"))
}
