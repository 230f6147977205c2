package main

import (
	"hash/maphash"
	"time"
)

// A shard is the mailbox of the one goroutine that owns the states of some of the clients. Nobody else can reach them, so
// there is no lock: a pair's decisions have the order in which its shard takes them out of the mailbox.
type shard chan question

type pair struct{ policy, client string }

// A question without a policy is how many pairs the shard has.
type question struct {
	pair
	policy *policy
	cost   int64
	answer chan<- verdict
}

type verdict struct {
	admitted    bool
	left        int64
	wait, grows int64 // µs
}

type shards struct {
	seed      maphash.Seed
	mailboxes []shard
}

func newShards(count int) shards {
	all := shards{maphash.MakeSeed(), make([]shard, count)}
	for i := range all.mailboxes {
		all.mailboxes[i] = make(shard)
		go all.mailboxes[i].run()
	}
	return all
}

// decide waits for the verdict of the shard that owns the pair.
func (all shards) decide(name, client string, rule *policy, cost int64) (verdict, error) {
	whose := pair{name, client}
	mailbox := all.mailboxes[maphash.Comparable(all.seed, whose)%uint64(len(all.mailboxes))]
	return mailbox.ask(question{pair: whose, policy: rule, cost: cost}), nil
}

func (all shards) tracked() (sum int64) {
	for _, mailbox := range all.mailboxes {
		sum += mailbox.ask(question{}).left
	}
	return sum
}

func (mailbox shard) ask(asked question) verdict {
	answer := make(chan verdict, 1)
	asked.answer = answer
	mailbox <- asked
	return <-answer
}

// run answers questions, and between them looks at a few pairs, in the order in which a map is walked: any. A second is
// enough for all of them, however many.
func (mailbox shard) run() {
	states := map[pair]state{}
	start := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	for {
		select {
		case asked := <-mailbox:
			if asked.policy == nil {
				asked.answer <- verdict{left: int64(len(states))}
				continue
			}
			now := time.Since(start).Microseconds()
			found, known := states[asked.pair]
			if !known {
				found = asked.policy.newState()
				states[asked.pair] = found
			}
			asked.answer <- found.decide(asked.policy, asked.cost, now)
		case <-tick.C:
			forget(states, time.Since(start).Microseconds())
		}
	}
}

func forget(states map[pair]state, now int64) {
	looked := 0
	for whose, found := range states {
		if found.isIdle(now) {
			delete(states, whose)
		}
		if looked++; looked > 100+len(states)/50 {
			return
		}
	}
}
