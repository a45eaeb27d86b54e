package pgtest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Proxy forwards TCP connections to a Postgres server until Freeze. It
// simulates a network device that loses its flows: a frozen connection stays
// open and accepts and acknowledges bytes, but nothing arrives at the other
// end.
type Proxy struct {
	listener net.Listener
	network  string // network of the server
	address  string

	mu     sync.Mutex
	now    *atomic.Bool // if true, the connections that share it are frozen
	open   map[net.Conn]struct{}
	made   int // connections since the last Freeze
	closed bool
	loops  sync.WaitGroup
}

// NewProxy starts a proxy in front of the server of an address, and returns it
// with the address that leads through it. The proxy stops with the test.
func NewProxy(t testing.TB, address string) (*Proxy, string) {
	t.Helper()

	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}

	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	p := &Proxy{listener: l, now: new(atomic.Bool), open: map[net.Conn]struct{}{}}
	p.network, p.address = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	p.loops.Go(p.accept)
	t.Cleanup(p.close)

	through, err := throughTCP(address, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	return p, through
}

// throughTCP replaces the host of an address and keeps the rest.
func throughTCP(address, at string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("pgtest: the address of the server is not a URL")
	}

	query := u.Query()
	query.Del("host")
	query.Del("port")
	u.Host, u.RawQuery = at, query.Encode()

	return u.String(), nil
}

// Freeze stops forwarding on all open connections without closing them. New
// connections are forwarded. It returns how many were made since the last call.
func (p *Proxy) Freeze() (frozen int) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.now.Store(true)
	p.now = new(atomic.Bool)
	frozen, p.made = p.made, 0

	return frozen
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}

		p.loops.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := (&net.Dialer{}).DialContext(context.Background(), p.network, p.address)
	if err != nil { // the server is unavailable
		_ = client.Close()
		return
	}

	frozen, ok := p.keep(client, server)
	if !ok {
		return
	}

	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			forward(way[1], way[0], frozen)

			if frozen.Load() {
				return // do not close the other end
			}

			_, _ = way[0].Close(), way[1].Close()
		})
	}

	both.Wait()
	p.drop(client, server)
}

// forward copies until an end closes. From a frozen connection it continues to
// read, and writes nothing.
func forward(to io.Writer, from io.Reader, frozen *atomic.Bool) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && !frozen.Load() {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}

		if err != nil {
			return
		}
	}
}

func (p *Proxy) keep(conns ...net.Conn) (frozen *atomic.Bool, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, c := range conns {
		p.open[c] = struct{}{}
		if p.closed {
			_ = c.Close()
		}
	}

	p.made++

	return p.now, !p.closed
}

func (p *Proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, c := range conns {
		delete(p.open, c)
		_ = c.Close()
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true

	_ = p.listener.Close()
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.loops.Wait()
}
