package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// figures are those of one conversion.
type figures struct {
	wall, cpu time.Duration
	memory    int64         // peak of the process in bytes
	size      int64         // of the output in bytes
	reads     int           // of the source, if the program counts them
	joining   time.Duration // part of wall: copies blocks into one file
	requests  []int         // of GDAL over HTTP: open, window, thumbnail
}

func (f figures) String() string {
	text := fmt.Sprintf("%.1f s, %.1f CPU s, %d MB, %d MB out",
		f.wall.Seconds(), f.cpu.Seconds(), f.memory>>20, f.size>>20)
	if f.joining > 0 {
		text += fmt.Sprintf(", %.1f s of it joining", f.joining.Seconds())
	}

	return text
}

// measure runs a program that writes a file, once what others wrote is on the
// disk. If it prints two numbers, they are the number of its reads, and the
// nanoseconds in which it joined the output.
func measure(ctx context.Context, args []string, output string) (f figures, err error) {
	if err := os.Remove(output); err != nil && !errors.Is(err, os.ErrNotExist) {
		return f, err
	}

	var errs bytes.Buffer

	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = &errs

	syscall.Sync()

	start := time.Now()

	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, errs.String())
	}

	f.wall = time.Since(start)
	f.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()

	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.memory = usage.Maxrss << 10 // Linux counts in kilobytes
	}

	info, err := os.Stat(output)
	if err != nil {
		return f, err
	}

	f.size = info.Size()

	if len(out) == 0 { // GDAL
		return f, nil
	}

	if _, err := fmt.Sscan(string(out), &f.reads, (*int64)(&f.joining)); err != nil {
		return f, fmt.Errorf("%s: printed %q: %w", args[0], out, err)
	}

	return f, nil
}

// countRequests counts the requests with which GDAL opens each output over HTTP,
// reads a window of 512 pixels, and makes a thumbnail.
func countRequests(ctx context.Context, folder string, side int) (map[string][]int, error) {
	var requests atomic.Int64

	files := http.FileServer(http.Dir(folder))

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}

	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				requests.Add(1)
			}

			files.ServeHTTP(w, r)
		}),
	}

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	all := map[string][]int{}

	for _, name := range []string{"gdal.tif", "ours.tif"} {
		url := fmt.Sprintf("/vsicurl/http://%s/%s", listener.Addr(), name)
		middle, size := strconv.Itoa(max(0, side/2-256)), strconv.Itoa(min(512, side))

		for _, args := range [][]string{
			{"gdalinfo", url},
			{"gdal_translate", "-q", "-srcwin", middle, middle, size, size, url, "/vsimem/window.tif"},
			{"gdal_translate", "-q", "-outsize", "256", "0", url, "/vsimem/thumbnail.tif"},
		} {
			requests.Store(0)

			cmd := exec.CommandContext(ctx, args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "GDAL_DISABLE_READDIR_ON_OPEN=EMPTY_DIR", "GDAL_PAM_ENABLED=NO")

			if out, err := cmd.CombinedOutput(); err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w: %s", args[0], err, out), server.Close())
			}

			all[name] = append(all[name], int(requests.Load()))
		}
	}

	err = server.Close()
	<-served

	return all, err
}
