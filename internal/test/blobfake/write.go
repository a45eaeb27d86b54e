package blobfake

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"coremachine/internal/handlers"
)

// place returns the entry of a name, and creates it if necessary. The caller
// holds the lock.
func (a *Account) place(container, name string) (*entry, error) {
	blobs, ok := a.containers[container]
	if !ok {
		return nil, fmt.Errorf("%w (404 ContainerNotFound)", handlers.ErrNoContainer)
	}

	if blobs[name] == nil {
		blobs[name] = &entry{}
	}

	return blobs[name], nil
}

func (e *entry) admits(o handlers.WriteOptions) error {
	if o.IfAbsent && e.exists {
		return fmt.Errorf("%w (409 BlobAlreadyExists)", handlers.ErrBlobExists)
	}

	if o.IfMatch != "" && (!e.exists || e.info.ETag != o.IfMatch) {
		return fmt.Errorf("%w (412 ConditionNotMet)", handlers.ErrBlobChanged)
	}

	return nil
}

// Put implements handlers.BlobWriter.
func (a *Account) Put(
	ctx context.Context, container, name string, data []byte, o handlers.WriteOptions,
) (info handlers.BlobInfo, err error) {
	r := Request{Op: Put, Container: container, Name: name, Size: int64(len(data))}
	err = a.do(ctx, r, func() error {
		e, err := a.place(container, name)
		if err != nil {
			return err
		}

		if err := e.admits(o); err != nil {
			return err
		}

		e.committed = []block{{data: bytes.Clone(data)}}
		info = a.stamp(e, o.ContentType)

		return nil
	})

	return info, err
}

// Stage implements handlers.BlobWriter.
func (a *Account) Stage(ctx context.Context, container, name, id string, data []byte) error {
	if err := handlers.CheckBlock(id, len(data)); err != nil {
		return err
	}

	r := Request{Op: Stage, Container: container, Name: name, ID: id, Size: int64(len(data))}

	return a.do(ctx, r, func() error {
		e, err := a.place(container, name)
		if err != nil {
			return err
		}

		for _, blocks := range [][]block{e.staged, e.committed} {
			if len(blocks) > 0 && blocks[0].id != "" && len(blocks[0].id) != len(id) {
				return fmt.Errorf("%w (400 InvalidBlobOrBlock)", handlers.ErrBlockLimit)
			}
		}

		one := block{id, bytes.Clone(data)}
		if i, known := e.index[id]; known {
			e.staged[i] = one
			return nil
		}

		if len(e.staged) == handlers.MaxStagedBlocks {
			return fmt.Errorf("%w (409 BlockCountExceedsLimit)", handlers.ErrBlockLimit)
		}

		if e.index == nil {
			e.index = map[string]int{}
		}

		e.index[id] = len(e.staged)
		e.staged = append(e.staged, one)

		return nil
	})
}

// Blocks implements handlers.BlobWriter.
func (a *Account) Blocks(ctx context.Context, container, name string) (list handlers.BlockList, err error) {
	err = a.do(ctx, Request{Op: Blocks, Container: container, Name: name}, func() error {
		blobs, ok := a.containers[container]
		if !ok {
			return fmt.Errorf("%w (404 ContainerNotFound)", handlers.ErrNoContainer)
		}

		e := blobs[name]
		if e == nil || !e.exists && len(e.staged) == 0 {
			return fmt.Errorf("%w (404 BlobNotFound)", handlers.ErrNoBlob)
		}

		list = handlers.BlockList{Committed: listed(e.committed), Uncommitted: listed(e.staged)}

		return nil
	})

	return list, err
}

// listed leaves out the content of Put, which is not a block.
func listed(blocks []block) []handlers.Block {
	list := []handlers.Block{}

	for _, b := range blocks {
		if b.id != "" {
			list = append(list, handlers.Block{ID: b.id, Size: int64(len(b.data))})
		}
	}

	return list
}

// Commit implements handlers.BlobWriter.
func (a *Account) Commit(
	ctx context.Context, container, name string, ids []string, o handlers.WriteOptions,
) (info handlers.BlobInfo, err error) {
	if err := handlers.CheckBlocks(ids); err != nil {
		return info, err
	}

	err = a.do(ctx, Request{Op: Commit, Container: container, Name: name}, func() error {
		e, err := a.place(container, name)
		if err != nil {
			return err
		}

		if err := e.admits(o); err != nil {
			return err
		}

		known := map[string]block{}
		for _, b := range slices.Concat(e.committed, e.staged) { // the staged one wins
			known[b.id] = b
		}

		list := make([]block, 0, len(ids))

		for _, id := range ids {
			b, ok := known[id]
			if !ok {
				return fmt.Errorf("%w (400 InvalidBlockList)", handlers.ErrNoBlock)
			}

			list = append(list, b)
		}

		e.committed = list
		info = a.stamp(e, o.ContentType)
		info.Size = 0 // as storage, which does not return it

		return nil
	})

	return info, err
}

// Discard implements handlers.BlobWriter.
func (a *Account) Discard(ctx context.Context, container, name string) error {
	return a.do(ctx, Request{Op: Discard, Container: container, Name: name}, func() error {
		e, err := a.place(container, name)
		if err == nil && !e.exists {
			delete(a.containers[container], name)
		}

		return err
	})
}

// Delete implements handlers.BlobWriter.
func (a *Account) Delete(ctx context.Context, container, name, etag string) error {
	return a.do(ctx, Request{Op: Delete, Container: container, Name: name}, func() error {
		e, err := a.place(container, name)
		if err != nil || !e.exists {
			return err
		}

		if err := e.admits(handlers.WriteOptions{IfMatch: etag}); err != nil {
			return err
		}

		delete(a.containers[container], name)

		return nil
	})
}
