package sbfake

import (
	"encoding/binary"
	"errors"
	"io"
)

// Descriptors of the performatives and states (AMQP 1.0, parts 2 and 5).
const (
	codeOpen        = 0x10
	codeBegin       = 0x11
	codeAttach      = 0x12
	codeFlow        = 0x13
	codeTransfer    = 0x14
	codeDisposition = 0x15
	codeDetach      = 0x16
	codeEnd         = 0x17
	codeClose       = 0x18
	codeError       = 0x1d
	codeAccepted    = 0x24
	codeRejected    = 0x25
	codeReleased    = 0x26
	codeModified    = 0x27
	codeMechanisms  = 0x40
	codeOutcome     = 0x44
	codeHeader      = 0x70
)

// SASL outcomes.
const (
	saslOK      uint8 = 0
	saslRefused uint8 = 1
)

const (
	maxFrame  = 65536
	frameAMQP = 0
	frameSASL = 1
)

// frame is a performative with its fields and, for a transfer, the payload. The
// code of an empty frame is 0.
type frame struct {
	channel uint16
	code    uint64
	fields  []any
	payload []byte
}

func readFrame(r io.Reader) (frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}

	size, offset := binary.BigEndian.Uint32(head[:]), 4*int(head[4])
	if size < 8 || size > maxFrame || offset < 8 || offset > int(size) {
		return frame{}, errors.New("sbfake: invalid frame size")
	}

	body := make([]byte, size-8)
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, err
	}

	f := frame{channel: binary.BigEndian.Uint16(head[6:])}

	d := decoder{body[offset-8:]}
	if len(d.b) == 0 {
		return f, nil
	}

	v, err := d.value()
	if err != nil {
		return f, err
	}

	p, ok := v.(described)
	if !ok {
		return f, errors.New("sbfake: frame without a performative")
	}

	f.code, f.payload = p.code, d.b
	f.fields, _ = p.value.([]any)

	return f, nil
}

func appendFrame(kind byte, f frame) []byte {
	b := make([]byte, 8, 256+len(f.payload))
	b[4], b[5] = 2, kind
	binary.BigEndian.PutUint16(b[6:], f.channel)

	if f.code != 0 {
		b = encode(b, described{f.code, f.fields})
		b = append(b, f.payload...)
	}

	binary.BigEndian.PutUint32(b, uint32(len(b)))

	return b
}

// amqpError encodes an error: a condition and a text.
func amqpError(condition, text string) described {
	return described{codeError, []any{symbol(condition), text}}
}
