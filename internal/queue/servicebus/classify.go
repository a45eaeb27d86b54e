package servicebus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"coremachine/internal/queue"
	"coremachine/internal/state"
)

// classify adds a code to an error of the client, and a message that says what
// to fix. The client returns its own type for some errors and a raw AMQP error
// for others, so classify checks the type and the condition.
func (c *Client) classify(op string, q state.Queue, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}

	where := fmt.Sprintf("queue %s of %s", q, c.namespace)

	switch condition := rejection(err); condition {
	case "":
	case amqp.ErrCondMessageSizeExceeded:
		return state.Wrap(
			state.CodeTooLarge,
			op,
			"a batch is larger than "+where+" takes",
			rejected(condition, err),
		)
	default:
		return state.Wrap(state.CodeInvalid, op, where+" rejected a message", rejected(condition, err))
	}

	if known, ok := errors.AsType[*sb.Error](err); ok {
		switch known.Code {
		case sb.CodeUnauthorizedAccess:
			return state.Wrap(
				state.CodeUnavailable,
				op,
				"the identity may not use "+where+": grant it "+role(op),
				err,
			)
		case sb.CodeNotFound:
			return state.Wrap(
				state.CodeUnavailable,
				op,
				"there is no "+where+": create it, with duplicate detection on",
				err,
			)
		case sb.CodeConnectionLost, sb.CodeTimeout, sb.CodeLockLost, sb.CodeClosed:
			return state.Wrap(state.CodeUnavailable, op, "the connection to "+where+" was lost", err)
		}
	}

	if errors.Is(err, sb.ErrMessageTooLarge) {
		return state.Wrap(
			state.CodeTooLarge,
			op,
			"a message is larger than "+where+" takes",
			rejected(amqp.ErrCondMessageSizeExceeded, err),
		)
	}

	if raw, ok := errors.AsType[*amqp.Error](err); ok {
		switch raw.Condition {
		case "com.microsoft:server-busy":
			return state.Wrap(state.CodeBusy, op, where+" is throttled; its messages stay in their rows", err)
		case amqp.ErrCondResourceLimitExceeded:
			return state.Wrap(
				state.CodeBusy,
				op,
				where+" is full; its messages stay in their rows. Receive from it, or raise its size",
				err,
			)
		case amqp.ErrCondUnauthorizedAccess:
			return state.Wrap(
				state.CodeUnavailable,
				op,
				"the identity may not use "+where+": grant it "+role(op),
				err,
			)
		case amqp.ErrCondNotFound:
			return state.Wrap(
				state.CodeUnavailable,
				op,
				"there is no "+where+": create it, with duplicate detection on",
				err,
			)
		}
	}

	return state.Wrap(state.CodeUnavailable, op, where+" is unavailable", err)
}

// rejections are the conditions that concern a message and not its queue.
var rejections = []amqp.ErrCond{
	amqp.ErrCondMessageSizeExceeded, amqp.ErrCondDecodeError, amqp.ErrCondInvalidField,
	"com.microsoft:argument-error", "com.microsoft:argument-out-of-range",
}

// rejection returns the condition with which the broker rejects a message
// permanently, or "" for any other error. The client reports unknown conditions
// as a lost connection without wrapping the cause, so only the text contains
// it.
func rejection(err error) amqp.ErrCond {
	for _, condition := range rejections {
		if raw, ok := errors.AsType[*amqp.Error](err); ok && raw.Condition == condition {
			return condition
		}

		known, ok := errors.AsType[*sb.Error](err)
		if ok && strings.Contains(known.Error(), "{Condition: "+string(condition)+",") {
			return condition
		}
	}

	return ""
}

// rejected marks an error that concerns a message and not its queue, so that
// repeating does not help. If a queue accepts no messages at all, for example
// because of wrong settings, the error is not marked: the messages wait in
// their rows.
func rejected(condition amqp.ErrCond, err error) error {
	return &queue.RefusedError{Reason: string(condition), Err: err}
}

// role returns the least role that an operation needs.
func role(op string) string {
	switch op {
	case "servicebus.Send", "servicebus.Warm":
		return "Azure Service Bus Data Sender"
	}

	return "Azure Service Bus Data Receiver"
}
