// Command asynq measures asynq with the two-stage greeting. asynq keeps tasks in
// the memory of a Redis, which this program starts in a temporary folder with an
// append-only file (AOF).
//
// asynq has no barrier, so this program implements one: a task stores its result
// in a hash and counts the results in the same transaction. The task that finds
// the last one enqueues the next stage before it ends. If it is lost, asynq runs
// it again, and task ids make the second enqueuing harmless.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"coremachine/bench/peer"
)

const (
	workers   = 256
	enqueuers = 64
	kind      = "greeting"
)

func main() {
	const (
		everysec = "in the memory of a Redis, AOF to disk every second (a crash loses up to a second), "
		always   = "in the memory of a Redis, AOF to disk with each command, "
		defaults = "defaults (a worker per CPU, check 1 s)"
	)
	tuned := fmt.Sprintf("%d workers, check 20 ms", workers)
	peer.Main("asynq 0.26.0", []peer.Variant{
		{Name: "everysec", Settings: everysec + defaults, Start: starter("everysec", false), Joins: true},
		{Name: "everysec-tuned", Settings: everysec + tuned, Start: starter("everysec", true), Joins: true},
		{Name: "always-tuned", Settings: always + tuned, Start: starter("always", true), Joins: true},
	})
}

// payload is the payload of a task.
type payload struct {
	Run   int64 `json:"run"`
	Stage int   `json:"stage"`
	Index int   `json:"index"`
	N     int   `json:"n"`
}

type engine struct {
	store  *store // nil in a joined process
	socket string
	redis  *redis.Client
	client *asynq.Client
	server *asynq.Server
	next   atomic.Int64
}

func starter(fsync string, tuned bool) func(context.Context, peer.Place) (peer.Engine, error) {
	return func(ctx context.Context, at peer.Place) (peer.Engine, error) {
		e := &engine{socket: at.Address}
		if !at.Joined {
			var err error
			if e.store, err = startStore(ctx, fsync); err != nil {
				return nil, err
			}
			e.socket = e.store.socket
		}
		e.redis = redis.NewClient(&redis.Options{Network: "unix", Addr: e.socket})
		e.client = asynq.NewClientFromRedisClient(e.redis)
		cfg := asynq.Config{Logger: asynqLog{}, LogLevel: asynq.FatalLevel}
		if tuned {
			cfg.Concurrency, cfg.TaskCheckInterval = at.Share(workers), 20*time.Millisecond
		}
		e.server = asynq.NewServerFromRedisClient(e.redis, cfg)
		err := e.server.Start(asynq.HandlerFunc(e.work))
		if err != nil {
			err = errors.Join(err, e.close())
		}
		return e, err
	}
}

// Address returns the socket of the Redis.
func (e *engine) Address() string { return e.socket }

// Stop stops the server, and the Redis if this process started it.
func (e *engine) Stop(context.Context) error {
	e.server.Shutdown()
	return e.close()
}

func (e *engine) close() error {
	err := e.redis.Close()
	if e.store != nil {
		err = errors.Join(err, e.store.stop())
	}
	return err
}

// Run starts one run for each name and waits until all have ended.
func (e *engine) Run(ctx context.Context, names []string, n int) ([]string, error) {
	runs, group := make([]int64, len(names)), new(errgroup.Group)
	group.SetLimit(16)
	for i := range names {
		runs[i] = e.next.Add(1)
		group.Go(func() error { return e.enqueue(ctx, runs[i], 0, n) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	last := make([]string, len(names))
	for i, run := range runs {
		if err := e.redis.BLPop(ctx, 0, ended(run)).Err(); err != nil {
			return nil, err
		}
		var err error
		if last[i], err = e.redis.HGet(ctx, results(run, 1), strconv.Itoa(n-1)).Result(); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func results(run int64, stage int) string { return fmt.Sprintf("results:%d:%d", run, stage) }
func ended(run int64) string              { return fmt.Sprintf("ended:%d", run) }

// enqueue enqueues a stage. asynq has no call for several tasks.
func (e *engine) enqueue(ctx context.Context, run int64, stage, n int) error {
	group, ctx := errgroup.WithContext(ctx)
	lanes := min(enqueuers, n)
	for lane := range lanes {
		group.Go(func() error {
			for i := lane; i < n; i += lanes {
				body, err := json.Marshal(payload{Run: run, Stage: stage, Index: i, N: n})
				if err != nil {
					return err
				}
				id := asynq.TaskID(fmt.Sprintf("%d:%d:%d", run, stage, i))
				_, err = e.client.EnqueueContext(ctx, asynq.NewTask(kind, body), id)
				if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// work runs one task.
func (e *engine) work(ctx context.Context, task *asynq.Task) error {
	var p payload
	if err := json.Unmarshal(task.Payload(), &p); err != nil {
		return err
	}
	index, result := strconv.Itoa(p.Index), peer.Greeting(p.Index)
	if p.Stage == 1 {
		greeting, err := e.redis.HGet(ctx, results(p.Run, 0), index).Result()
		if err != nil {
			return err
		}
		result = peer.Reply(greeting)
	}
	var count *redis.IntCmd
	_, err := e.redis.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.HSet(ctx, results(p.Run, p.Stage), index, result)
		count = tx.HLen(ctx, results(p.Run, p.Stage))
		return nil
	})
	if err != nil || count.Val() < int64(p.N) {
		return err
	}
	if p.Stage == 0 {
		return e.enqueue(ctx, p.Run, 1, p.N)
	}
	return e.redis.RPush(ctx, ended(p.Run), "").Err()
}

// asynqLog drops what asynq logs.
type asynqLog struct{}

var discard = log.New(io.Discard, "", 0)

// Debug drops a message.
func (asynqLog) Debug(args ...any) { discard.Print(args...) }

// Info drops a message.
func (asynqLog) Info(args ...any) { discard.Print(args...) }

// Warn drops a message.
func (asynqLog) Warn(args ...any) { discard.Print(args...) }

// Error drops a message.
func (asynqLog) Error(args ...any) { discard.Print(args...) }

// Fatal ends the process.
func (asynqLog) Fatal(args ...any) { log.Fatal(args...) }
