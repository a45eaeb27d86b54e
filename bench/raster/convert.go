package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"coremachine/internal/raster/cog"
	"coremachine/internal/raster/tiff"
)

// convertRole is the argument with which this program starts itself.
const convertRole = "convert"

// convert converts a file as the tasks of the job do. It prints the number of its
// reads, and how many nanoseconds it took to join the output. Blocks are files,
// which the last step copies into one. Storage does that without a copy.
func convert(args []string) error {
	flags := flag.NewFlagSet(convertRole, flag.ContinueOnError)
	workers := flags.Int("workers", 2, "tasks at the same time")
	compression := flags.String("compression", cog.Deflate, "compression")
	level := flags.Int("level", 6, "level of the compression")
	blocks := flags.String("blocks", "", "folder of the blocks")

	if err := flags.Parse(args); err != nil {
		return err
	}

	if flags.NArg() != 2 || *blocks == "" {
		return errors.New("want -blocks, a source and an output")
	}

	runtime.GOMAXPROCS(*workers)

	c := &conversion{
		folder: folder(*blocks), workers: *workers,
		options: cog.Options{Compression: *compression, Level: *level, Statistics: true},
	}

	if err := os.Mkdir(*blocks, 0o700); err != nil {
		return err
	}

	err := c.run(context.Background(), flags.Arg(0), flags.Arg(1))

	return errors.Join(err, os.RemoveAll(*blocks))
}

type conversion struct {
	folder  folder
	workers int
	options cog.Options
	reads   atomic.Int64
}

func (c *conversion) run(ctx context.Context, source, output string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()

	info, err := f.Stat()
	if err != nil {
		return err
	}

	im, err := c.open(ctx, f, info.Size())
	if err != nil {
		return err
	}

	plan, err := cog.NewPlan(im, c.options)
	if err != nil {
		return err
	}

	results := make([]*cog.TaskResult, plan.Tasks)
	tasks, running := errgroup.WithContext(ctx)
	tasks.SetLimit(c.workers)

	for task := range results {
		tasks.Go(func() error {
			// A task of the job opens the source too.
			im, err := c.open(running, f, info.Size())
			if err != nil {
				return err
			}

			results[task], err = plan.RunTask(running, im, task, 1, c.folder, c.folder)

			return err
		})
	}

	if err := tasks.Wait(); err != nil {
		return err
	}

	var overviews *cog.OverviewResult
	if plan.NeedsOverviews() {
		if overviews, err = plan.RunOverviews(ctx, 1, c.folder, c.folder); err != nil {
			return err
		}
	}

	out, err := plan.Assemble(ctx, im, each(results), overviews)
	if err != nil {
		return err
	}

	begin := time.Now()

	if err := c.folder.join(output, out); err != nil {
		return err
	}

	_, err = fmt.Println(c.reads.Load(), time.Since(begin).Nanoseconds())

	return err
}

func (c *conversion) open(ctx context.Context, f *os.File, size int64) (*tiff.Image, error) {
	file, err := tiff.Open(ctx, counted{tiff.FromReaderAt(f, size), &c.reads})
	if err != nil {
		return nil, err
	}

	return file.Main()
}

func each(results []*cog.TaskResult) iter.Seq2[*cog.TaskResult, error] {
	return func(yield func(*cog.TaskResult, error) bool) {
		for _, r := range results {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// counted counts reads.
type counted struct {
	tiff.Source

	reads *atomic.Int64
}

// ReadAt is part of tiff.Source.
func (c counted) ReadAt(ctx context.Context, p []byte, offset int64) error {
	c.reads.Add(1)

	return c.Source.ReadAt(ctx, p, offset)
}

// folder stores blocks and scratch data as files.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// Stage is part of cog.Stager.
func (f folder) Stage(_ context.Context, id string, data []byte) error {
	return os.WriteFile(f.path(id), data, 0o600)
}

// Put is part of cog.Scratch.
func (f folder) Put(_ context.Context, name string, data []byte) error {
	return os.WriteFile(f.path(name), data, 0o600)
}

// Get is part of cog.Scratch.
func (f folder) Get(_ context.Context, name string) ([]byte, error) { return os.ReadFile(f.path(name)) }

// join moves the header and the blocks to one file.
func (f folder) join(output string, out *cog.Output) error {
	file, err := os.Create(output)
	if err != nil {
		return err
	}

	_, err = file.Write(out.Header)

	for _, b := range out.Blocks {
		if err == nil {
			err = f.appendBlock(file, b.ID)
		}
	}

	return errors.Join(err, file.Close())
}

func (f folder) appendBlock(file *os.File, id string) error {
	block, err := os.Open(f.path(id))
	if err != nil {
		return err
	}

	_, err = io.Copy(file, block)

	return errors.Join(err, block.Close(), os.Remove(f.path(id)))
}
