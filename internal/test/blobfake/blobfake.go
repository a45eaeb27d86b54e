package blobfake

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"coremachine/internal/handlers"
)

// Request is one request to storage.
type Request struct {
	Op        Op
	Container string
	Name      string
	ID        string // of a block
	Offset    int64  // of a read
	Size      int64  // bytes read or written
}

// Op is the kind of a request.
type Op string

// The kinds of requests.
const (
	List    Op = "list"
	Head    Op = "head"
	Stat    Op = "stat"
	Read    Op = "read"
	Put     Op = "put"
	Stage   Op = "stage"
	Blocks  Op = "blocks"
	Commit  Op = "commit"
	Discard Op = "discard"
	Delete  Op = "delete"
)

// Account is a storage account. It is safe for concurrent use.
type Account struct {
	// Before runs before each request, without a lock. If it returns an error,
	// the request has no effect and returns that error. It may be nil.
	Before func(context.Context, Request) error
	// After runs after each request that succeeded. If it returns an error, the
	// request has its effect, but its answer is lost. It may be nil.
	After func(context.Context, Request) error

	mu         sync.Mutex
	containers map[string]map[string]*entry
	version    int
}

// entry is a blob, or the uncommitted blocks of one that does not exist.
type entry struct {
	exists    bool
	info      handlers.BlobInfo
	committed []block
	staged    []block
	index     map[string]int // of staged blocks, by ID
}

type block struct {
	id   string
	data []byte
}

// New returns an account with empty containers.
func New(containers ...string) *Account {
	a := &Account{containers: map[string]map[string]*entry{}}
	for _, name := range containers {
		a.containers[name] = map[string]*entry{}
	}

	return a
}

// Archive moves a blob to the archive tier.
func (a *Account) Archive(container, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()

	a.containers[container][name].info.Archived = true
}

// Names returns the names of all blobs of a container, and of those that have
// only uncommitted blocks.
func (a *Account) Names(container string) (blobs, uncommitted []string) {
	a.mu.Lock()
	defer a.mu.Unlock()

	for name, e := range a.containers[container] {
		switch {
		case e.exists:
			blobs = append(blobs, name)
		case len(e.staged) > 0:
			uncommitted = append(uncommitted, name)
		}
	}

	slices.Sort(blobs)
	slices.Sort(uncommitted)

	return blobs, uncommitted
}

// do runs one request between its hooks.
func (a *Account) do(ctx context.Context, r Request, run func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}

	if a.Before != nil {
		if err := a.Before(ctx, r); err != nil {
			return err
		}
	}

	a.mu.Lock()
	err := run()
	a.mu.Unlock()

	if err == nil && a.After != nil {
		err = a.After(ctx, r)
	}

	return err
}

// find returns a blob that exists. The caller holds the lock.
func (a *Account) find(container, name string) (*entry, error) {
	blobs, ok := a.containers[container]
	if !ok {
		return nil, fmt.Errorf("%w (404 ContainerNotFound)", handlers.ErrNoContainer)
	}

	e := blobs[name]
	if e == nil || !e.exists {
		return nil, fmt.Errorf("%w (404 BlobNotFound)", handlers.ErrNoBlob)
	}

	return e, nil
}

// Pages implements handlers.BlobReader.
func (a *Account) Pages(
	ctx context.Context, container, prefix string, size int,
) iter.Seq2[[]handlers.Blob, error] {
	return func(yield func([]handlers.Blob, error) bool) {
		var list []handlers.Blob

		err := a.do(ctx, Request{Op: List, Container: container, Name: prefix}, func() error {
			blobs, ok := a.containers[container]
			if !ok {
				return fmt.Errorf("%w (404 ContainerNotFound)", handlers.ErrNoContainer)
			}

			for name, e := range blobs {
				if e.exists && strings.HasPrefix(name, prefix) {
					list = append(list, handlers.Blob{
						Name: name, Size: e.info.Size, ContentType: e.info.ContentType, Modified: e.info.Modified,
					})
				}
			}

			return nil
		})
		if err != nil {
			yield(nil, err)
			return
		}

		slices.SortFunc(list, func(x, y handlers.Blob) int { return cmp.Compare(x.Name, y.Name) })

		for page := range slices.Chunk(list, min(max(size, 1), handlers.MaxPage)) {
			if !yield(page, nil) {
				return
			}
		}
	}
}

// Head implements handlers.BlobReader.
func (a *Account) Head(ctx context.Context, container, name string, n int) (head []byte, err error) {
	r := Request{Op: Head, Container: container, Name: name, Size: int64(n)}
	err = a.do(ctx, r, func() error {
		e, err := a.readable(container, name)
		if err != nil {
			return err
		}

		head = make([]byte, min(int64(n), e.info.Size))
		e.read(head, 0)

		return nil
	})

	return head, err
}

// readable returns a blob whose bytes can be read. The caller holds the lock.
func (a *Account) readable(container, name string) (*entry, error) {
	e, err := a.find(container, name)
	if err == nil && e.info.Archived {
		err = fmt.Errorf("%w (409 BlobArchived)", handlers.ErrBlobUnreadable)
	}

	return e, err
}

// Stat implements handlers.BlobReader.
func (a *Account) Stat(ctx context.Context, container, name string) (info handlers.BlobInfo, err error) {
	err = a.do(ctx, Request{Op: Stat, Container: container, Name: name}, func() error {
		e, err := a.find(container, name)
		if err == nil {
			info = e.info
		}

		return err
	})

	return info, err
}

// ReadAt implements handlers.BlobReader.
func (a *Account) ReadAt(ctx context.Context, container, name, etag string, p []byte, offset int64) error {
	if len(p) == 0 {
		return nil
	}

	r := Request{Op: Read, Container: container, Name: name, Offset: offset, Size: int64(len(p))}

	return a.do(ctx, r, func() error {
		e, err := a.readable(container, name)
		if err != nil {
			return err
		}

		if etag != "" && etag != e.info.ETag {
			return fmt.Errorf("%w (412 ConditionNotMet)", handlers.ErrBlobChanged)
		}

		if offset < 0 || offset+int64(len(p)) > e.info.Size {
			return fmt.Errorf("%w (416 InvalidRange)", handlers.ErrOutOfRange)
		}

		e.read(p, offset)

		return nil
	})
}

func (e *entry) read(p []byte, offset int64) {
	for _, b := range e.committed {
		if size := int64(len(b.data)); offset >= size {
			offset -= size
			continue
		}

		n := copy(p, b.data[offset:])
		p, offset = p[n:], 0

		if len(p) == 0 {
			return
		}
	}
}

// stamp gives a blob a new version. The caller holds the lock.
func (a *Account) stamp(e *entry, contentType string) handlers.BlobInfo {
	a.version++
	e.exists, e.staged, e.index = true, nil, nil
	e.info = handlers.BlobInfo{
		ETag:        fmt.Sprintf(`"0x%016X"`, a.version),
		ContentType: cmp.Or(contentType, "application/octet-stream"),
		Modified:    time.Now().UTC().Truncate(time.Second),
	}

	for _, b := range e.committed {
		e.info.Size += int64(len(b.data))
	}

	return e.info
}
