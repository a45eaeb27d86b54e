package servicebus

import (
	"context"
	"errors"
	"fmt"

	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"coremachine/internal/state"
)

// classify gives an error of the client its code and a sentence that says what to mend. The client returns its own type for some and a
// raw AMQP error for others, so both the type and the condition are looked at.
func (c *Client) classify(op string, q state.Queue, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	where := fmt.Sprintf("queue %s of %s", q, c.namespace)
	if known, ok := errors.AsType[*sb.Error](err); ok {
		switch known.Code {
		case sb.CodeUnauthorizedAccess:
			return state.Wrap(state.CodeUnavailable, op, "the identity may not use "+where+": grant it "+role(op), err)
		case sb.CodeNotFound:
			return state.Wrap(state.CodeUnavailable, op, "there is no "+where+": create it, with duplicate detection on", err)
		case sb.CodeConnectionLost, sb.CodeTimeout, sb.CodeLockLost, sb.CodeClosed:
			return state.Wrap(state.CodeUnavailable, op, "the connection to "+where+" was lost", err)
		}
	}
	if errors.Is(err, sb.ErrMessageTooLarge) {
		return state.Wrap(state.CodeTooLarge, op, "a message is larger than "+where+" takes", err)
	}
	if raw, ok := errors.AsType[*amqp.Error](err); ok {
		switch raw.Condition {
		case "com.microsoft:server-busy":
			return state.Wrap(state.CodeBusy, op, where+" is throttled; its messages stay in their rows", err)
		case amqp.ErrCondResourceLimitExceeded:
			return state.Wrap(state.CodeBusy, op, where+" is full; its messages stay in their rows. Receive from it, or raise its size", err)
		case amqp.ErrCondMessageSizeExceeded:
			return state.Wrap(state.CodeTooLarge, op, "a batch is larger than "+where+" takes", err)
		case amqp.ErrCondUnauthorizedAccess:
			return state.Wrap(state.CodeUnavailable, op, "the identity may not use "+where+": grant it "+role(op), err)
		case amqp.ErrCondNotFound:
			return state.Wrap(state.CodeUnavailable, op, "there is no "+where+": create it, with duplicate detection on", err)
		}
	}
	return state.Wrap(state.CodeUnavailable, op, where+" cannot be used now", err)
}

// role is what an operation needs, least first.
func role(op string) string {
	switch op {
	case "servicebus.Send", "servicebus.Warm":
		return "Azure Service Bus Data Sender"
	}
	return "Azure Service Bus Data Receiver"
}
