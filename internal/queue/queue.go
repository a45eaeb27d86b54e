package queue

import (
	"context"
	"errors"
	"time"

	"coremachine/internal/state"
)

// Delivery is one delivery of one message, locked for its receiver until
// LockedUntil.
type Delivery struct {
	Message state.Message
	// Body is the envelope as received. If it is not an envelope of the engine,
	// Message is zero.
	Body []byte
	// Deliveries counts deliveries, including this one.
	Deliveries    int
	LockedUntil   time.Time
	EnqueuedAt    time.Time
	MessageID     string // state.Message.TransportID
	CorrelationID string // the job ID
	Token         any    // private to the transport
}

// ErrLockLost means that the receiver does not hold the lock of a delivery any
// more: it was settled, or its lock expired. Nothing was changed.
var ErrLockLost = errors.New("the lock of the delivery was lost")

// ErrClosed is returned by Receive when the receiver or its transport is
// closed.
var ErrClosed = errors.New("the receiver is closed")

// Receiver receives deliveries from one queue. Receive must not be called
// concurrently with itself. The other methods are safe for concurrent use.
type Receiver interface {
	// Receive waits for at least one delivery and returns at most maxMessages.
	// It fails only with the error of ctx or with ErrClosed.
	Receive(ctx context.Context, maxMessages int) ([]Delivery, error)
	// Complete removes the message permanently.
	Complete(ctx context.Context, d Delivery) error
	// Abandon releases the lock. The message is delivered again immediately,
	// and its delivery count rises.
	Abandon(ctx context.Context, d Delivery) error
	// Renew extends the lock and returns its new end.
	Renew(ctx context.Context, d Delivery) (time.Time, error)
	// DeadLetter moves the message to the dead letters, with a reason of at
	// most 4096 bytes.
	DeadLetter(ctx context.Context, d Delivery, reason string) error
	Close() error
}

// Sender sends messages over a transport.
type Sender interface {
	// Send returns nil when all messages are stored. After an error, which has
	// a code, an unknown part of them is stored. Sending all of them again with
	// the same IDs is safe. If the error wraps a RefusedError, at least one
	// message can never be sent.
	Send(ctx context.Context, q state.Queue, msgs []state.Message) error
}

// RefusedError means that a broker rejected a message permanently: sending it
// again cannot succeed.
type RefusedError struct {
	// Reason is the broker's error condition. It is the same for all messages
	// that are rejected for the same cause.
	Reason string
	Err    error
}

// Error returns the reason and the cause in one line.
func (e *RefusedError) Error() string { return "refused: " + e.Reason + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Dead is a dead-lettered message.
type Dead struct {
	ID         string // identifies the message for Redrive
	Message    state.Message
	Reason     string
	Deliveries int
	DeadSince  time.Time // zero if the transport does not report it
}

// DeadLetters lists dead letters and sends them again. It does not need
// permission to manage the queue.
type DeadLetters interface {
	// Peek returns at most maxMessages dead letters of a queue and changes
	// nothing.
	Peek(ctx context.Context, q state.Queue, maxMessages int) ([]Dead, error)
	// Redrive sends at most maxMessages dead letters of a queue again and
	// returns how many. A reason that is not empty selects the dead letters
	// with that reason.
	Redrive(ctx context.Context, q state.Queue, reason string, maxMessages int) (int, error)
}
