package servicebus

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	sb "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"coremachine/internal/state"
)

// Options configures a Client. Either Connection, or Namespace with Credential,
// is required.
type Options struct {
	Connection string // a connection string, for local use
	Namespace  string // for example name.servicebus.windows.net
	Credential azcore.TokenCredential

	// RetryDelay is the delay of the client's first retry. Zero means 200 ms.
	RetryDelay time.Duration
	// MaxRetryDelay limits the delay. Zero means 5 s.
	MaxRetryDelay time.Duration
	// MaxRetries limits the retries. Zero means 3.
	MaxRetries int32
	// Log can be nil.
	Log *slog.Logger

	// Dial replaces the network, so that tests can use the production
	// constructor. It returns a connection that speaks AMQP.
	Dial func(ctx context.Context) (net.Conn, error)
}

// Client is the connection of a process to a namespace. It is safe for
// concurrent use.
type Client struct {
	namespace string
	client    *sb.Client
	log       *slog.Logger

	mu      sync.Mutex
	senders map[state.Queue]*sb.Sender
}

// New creates a client without connecting. Warm connects.
func New(o Options) (*Client, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}

	opts := &sb.ClientOptions{
		RetryOptions: sb.RetryOptions{
			RetryDelay:    200 * time.Millisecond,
			MaxRetryDelay: 5 * time.Second,
			MaxRetries:    3,
		},
	}
	if o.RetryDelay > 0 {
		opts.RetryOptions.RetryDelay = o.RetryDelay
	}

	if o.MaxRetryDelay > 0 {
		opts.RetryOptions.MaxRetryDelay = o.MaxRetryDelay
	}

	if o.MaxRetries > 0 {
		opts.RetryOptions.MaxRetries = o.MaxRetries
	}

	if o.Dial != nil {
		opts.NewWebSocketConn = func(ctx context.Context, _ sb.NewWebSocketConnArgs) (net.Conn, error) {
			return o.Dial(ctx)
		}
	}

	c := &Client{namespace: o.Namespace, log: o.Log, senders: map[state.Queue]*sb.Sender{}}

	var unusable error

	if o.Connection != "" {
		host, err := endpoint(o.Connection)
		if err != nil {
			return nil, err
		}

		c.namespace = host
		c.client, unusable = sb.NewClientFromConnectionString(o.Connection, opts)
	} else {
		c.client, unusable = sb.NewClient(o.Namespace, o.Credential, opts)
	}

	if unusable != nil {
		return nil, state.Errorf(
			state.CodeInvalid,
			"servicebus.New",
			"the Service Bus settings are invalid",
		) // the cause may contain a key
	}

	return c, nil
}

// Warm opens the links of every queue and sends nothing. As a health check it
// detects a wrong namespace, queue or role before the first message. The error
// names all three.
func (c *Client) Warm(ctx context.Context) error {
	for _, q := range state.Queues {
		s, err := c.sender(q)
		if err != nil {
			return err
		}

		if _, err := s.NewMessageBatch(ctx, nil); err != nil {
			return c.classify("servicebus.Warm", q, err)
		}
	}

	return nil
}

func (c *Client) sender(q state.Queue) (*sb.Sender, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if s := c.senders[q]; s != nil {
		return s, nil
	}

	s, err := c.client.NewSender(q.String(), nil)
	if err != nil {
		return nil, c.classify("servicebus.Send", q, err)
	}

	c.senders[q] = s

	return s, nil
}

// Close closes the connection.
func (c *Client) Close(ctx context.Context) error { return c.client.Close(ctx) }
