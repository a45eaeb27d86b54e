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

// classify gives an error of the client its code and a sentence that says what
// to mend. The client returns its own type for some and a raw AMQP error for
// others, so both the type and the condition are looked at.
func (c *Client) classify(op string, q state.Queue, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}

	where := fmt.Sprintf("queue %s of %s", q, c.namespace)

	switch condition := refusal(err); condition {
	case "":
	case amqp.ErrCondMessageSizeExceeded:
		return state.Wrap(
			state.CodeTooLarge,
			op,
			"a batch is larger than "+where+" takes",
			refused(condition, err),
		)
	default:
		return state.Wrap(state.CodeInvalid, op, where+" refuses a message", refused(condition, err))
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
			refused(amqp.ErrCondMessageSizeExceeded, err),
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

	return state.Wrap(state.CodeUnavailable, op, where+" cannot be used now", err)
}

// refusals are the conditions that concern a message and not its queue.
var refusals = []amqp.ErrCond{
	amqp.ErrCondMessageSizeExceeded, amqp.ErrCondDecodeError, amqp.ErrCondInvalidField,
	"com.microsoft:argument-error", "com.microsoft:argument-out-of-range",
}

// refusal returns the condition by which the broker refuses a message
// permanently, "" of any other error. The client reports conditions that it
// does not know as a lost connection, without the cause in the chain: only the
// text has it.
func refusal(err error) amqp.ErrCond {
	for _, condition := range refusals {
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

// refused marks an error that concerns a message and not its queue: repeating
// does not help. A queue that takes no message at all, as with the wrong
// settings, is not marked: its messages wait in their rows.
func refused(condition amqp.ErrCond, err error) error {
	return &queue.RefusedError{Reason: string(condition), Err: err}
}

// role is what an operation needs, least first.
func role(op string) string {
	switch op {
	case "servicebus.Send", "servicebus.Warm":
		return "Azure Service Bus Data Sender"
	}

	return "Azure Service Bus Data Receiver"
}
