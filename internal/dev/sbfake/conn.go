package sbfake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// conn is the connection of a client. Outgoing frames are queued, and a
// separate goroutine writes them, so that the broker's lock is never held while
// waiting for a client.
type conn struct {
	b   *Broker
	net net.Conn

	mu   sync.Mutex
	more *sync.Cond
	out  [][]byte
	done bool

	// The broker's lock guards sessions.
	sessions map[uint16]*session
	gone     bool
}

func newConn(b *Broker, c net.Conn) *conn {
	k := &conn{b: b, net: c, sessions: map[uint16]*session{}}
	k.more = sync.NewCond(&k.mu)

	return k
}

func (k *conn) write(raw []byte) {
	k.mu.Lock()
	k.out = append(k.out, raw)
	k.mu.Unlock()
	k.more.Signal()
}

func (k *conn) send(channel uint16, code uint64, payload []byte, fields ...any) {
	k.write(appendFrame(frameAMQP, frame{channel: channel, code: code, fields: fields, payload: payload}))
}

func (k *conn) serve() {
	var writer sync.WaitGroup
	writer.Go(k.writeLoop)

	beat := time.NewTicker(15 * time.Second)
	stop := make(chan struct{})

	writer.Go(func() { k.beat(beat.C, stop) })

	_ = k.readLoop() // after any error, the client reconnects
	k.b.mu.Lock()
	k.leave()
	k.b.mu.Unlock()
	beat.Stop()
	close(stop)
	k.mu.Lock()
	k.done = true
	k.mu.Unlock()
	k.more.Signal()
	writer.Wait()

	_ = k.net.Close()
}

// beat sends empty frames periodically, because the client closes a connection
// that is silent for a minute.
func (k *conn) beat(tick <-chan time.Time, stop <-chan struct{}) {
	for {
		select {
		case <-tick:
			k.write(appendFrame(frameAMQP, frame{}))
		case <-stop:
			return
		}
	}
}

func (k *conn) writeLoop() {
	for {
		k.mu.Lock()
		for len(k.out) == 0 && !k.done {
			k.more.Wait()
		}

		batch := k.out
		k.out = nil
		done := k.done
		k.mu.Unlock()

		if len(batch) > 0 {
			if _, err := k.net.Write(bytes.Join(batch, nil)); err != nil {
				_ = k.net.Close()
			}
		}

		if done && len(batch) == 0 {
			return
		}
	}
}

// leave removes the client's links from their queues. Its locks stay until they
// expire.
func (k *conn) leave() {
	k.gone = true
	for _, s := range k.sessions {
		s.leave()
	}

	k.sessions = map[uint16]*session{}
}

// drop disconnects the client immediately. The caller holds the broker's lock.
func (k *conn) drop() {
	k.gone = true
	_ = k.net.Close()
}

var errDrop = errors.New("sbfake: connection dropped by a fault")

func (k *conn) readLoop() error {
	for {
		var head [8]byte
		if _, err := io.ReadFull(k.net, head[:]); err != nil {
			return err
		}

		if string(head[:4]) != "AMQP" {
			return errors.New("sbfake: the protocol is not AMQP")
		}

		k.write(head[:])

		if head[4] == 3 {
			if err := k.sasl(); err != nil {
				return err
			}

			continue
		}

		return k.frames()
	}
}

// mechanisms are the mechanisms of the service that need no password. The token
// authorizes the client. The .NET client supports only the first one.
var mechanisms = symbols{"MSSBCBS", "ANONYMOUS"}

func (k *conn) sasl() error {
	k.write(appendFrame(frameSASL, frame{code: codeMechanisms, fields: []any{mechanisms}}))

	init, err := readFrame(k.net)
	if err != nil {
		return err
	}

	if !slices.Contains(mechanisms, field[symbol](init.fields, 0)) {
		k.write(appendFrame(frameSASL, frame{code: codeOutcome, fields: []any{saslRefused}}))
		return errors.New("sbfake: unsupported SASL mechanism")
	}

	k.write(appendFrame(frameSASL, frame{code: codeOutcome, fields: []any{saslOK}}))

	return nil
}

func (k *conn) frames() error {
	for {
		f, err := readFrame(k.net)
		if err != nil {
			return err
		}

		switch f.code {
		case 0:
		case codeOpen:
			k.send(0, codeOpen, nil, "sbfake", nil, uint32(maxFrame), uint16(65535))
		case codeClose:
			k.send(0, codeClose, nil)
			return nil
		default:
			if err := k.onSession(f); err != nil {
				return err
			}
		}
	}
}

func (k *conn) onSession(f frame) error {
	faults := k.b.faultsNow()
	k.b.mu.Lock()
	defer k.b.mu.Unlock()

	if f.code == codeBegin {
		k.sessions[f.channel] = newSession(k, f)
		k.send(
			f.channel,
			codeBegin,
			nil,
			f.channel,
			uint32(0),
			uint32(maxWindow),
			uint32(maxWindow),
			uint32(1<<16),
		)

		return nil
	}

	s := k.sessions[f.channel]
	if s == nil {
		return errors.New("sbfake: frame for an unknown session")
	}

	switch f.code {
	case codeEnd:
		s.leave()
		delete(k.sessions, f.channel)
		k.send(f.channel, codeEnd, nil)
	case codeAttach:
		s.attach(f.fields)
	case codeFlow:
		s.flow(f.fields)
	case codeTransfer:
		return s.transfer(f, faults)
	case codeDisposition:
		return s.disposition(f.fields, faults)
	case codeDetach:
		s.detach(f.fields)
	}

	return nil
}
