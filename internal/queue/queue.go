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
	Message       state.Message
	Body          []byte // the envelope as carried; of a message that is not ours, Message is zero
	Deliveries    int    // 1 at the first
	LockedUntil   time.Time
	EnqueuedAt    time.Time
	MessageID     string // the transport id, see state.Message.TransportID
	CorrelationID string // the job id
	Token         any    // the transport's own
}

// ErrLockLost says that a delivery is no longer its receiver's: it was settled,
// or its lock ended. Nothing was changed.
var ErrLockLost = errors.New("the lock of the delivery was lost")

// ErrClosed is what Receive returns once the receiver, or its transport, is
// closed.
var ErrClosed = errors.New("the receiver is closed")

// Receiver takes deliveries from one queue. Receive may not be called
// concurrently with itself; settling may.
type Receiver interface {
	// Receive waits for at least one delivery and returns at most most. It
	// fails only with ctx's error, or with ErrClosed.
	Receive(ctx context.Context, most int) ([]Delivery, error)
	// Complete ends a delivery for good.
	Complete(ctx context.Context, d Delivery) error
	// Abandon gives a delivery back at once; it comes again with its count
	// raised.
	Abandon(ctx context.Context, d Delivery) error
	// Renew keeps the lock; it returns until when.
	Renew(ctx context.Context, d Delivery) (time.Time, error)
	// DeadLetter sets a message aside with a reason of at most 4096 bytes.
	DeadLetter(ctx context.Context, d Delivery, reason string) error
	Close() error
}

// Sender hands messages to a transport.
type Sender interface {
	// Send returns nil once every message is stored. An error, with a code,
	// leaves it open which of them are: repeating under the same ids is safe.
	// If a RefusedError is in its chain, at least one of the messages can never
	// be sent.
	Send(ctx context.Context, q state.Queue, msgs []state.Message) error
}

// RefusedError says that a broker refuses a message permanently: sending it
// again cannot succeed.
type RefusedError struct {
	Reason string // the broker's condition, the same for all messages that it refuses for the same cause
	Err    error
}

// Error joins reason and cause in one line.
func (e *RefusedError) Error() string { return "refused: " + e.Reason + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Dead is a message that was set aside.
type Dead struct {
	ID         string // names it to Redrive
	Message    state.Message
	Reason     string
	Deliveries int
	DeadSince  time.Time // zero where the transport does not tell
}

// DeadLetters looks at what was set aside, and sends it again. It needs no
// right to manage the queue.
type DeadLetters interface {
	// Peek lists at most most dead messages of a queue and changes nothing.
	Peek(ctx context.Context, q state.Queue, most int) ([]Dead, error)
	// Redrive sends at most most dead messages of a queue again, those with the
	// reason where it is not empty, and returns how many.
	Redrive(ctx context.Context, q state.Queue, reason string, most int) (int, error)
}
