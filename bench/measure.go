package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// longest is the time limit of one measurement, including its warm-up.
const longest = 10 * time.Minute

// measure runs a contender's program once.
func measure(ctx context.Context, program, folder string, c *contender, s shape) (sample, error) {
	if c.program == "" {
		return ours(ctx, program, c, s)
	}
	return askPeer(ctx, folder, c, s, 1)
}

// askPeer runs the program of a peer.
func askPeer(ctx context.Context, folder string, c *contender, s shape, processes int) (sample, error) {
	var report struct {
		Version  string  `json:"version"`
		Settings string  `json:"settings"`
		Ms       float64 `json:"ms"`
		P50Ms    float64 `json:"p50_ms"`
	}
	err := ask(
		ctx,
		&report,
		filepath.Join(folder, c.program),
		"-variant",
		c.variant,
		"-n",
		strconv.Itoa(s.n),
		"-jobs",
		strconv.Itoa(s.jobs),
		"-processes",
		strconv.Itoa(processes),
	)
	if err != nil {
		return sample{}, err
	}
	c.engine, c.settings = report.Version, report.Settings
	if s.jobs == 0 {
		return sample{ms: report.P50Ms}, nil
	}
	return sample{ms: report.Ms}, nil
}

func ours(ctx context.Context, program string, c *contender, s shape) (sample, error) {
	args := []string{"run", "hello", "--n", strconv.Itoa(s.n), "--jobs", strconv.Itoa(s.jobs)}
	if s.jobs == 0 {
		args = []string{"run", "latency"}
	}

	return askOurs(ctx, program, append(args, "--mode", c.variant, "--runs", "1", "-o", "json"), s.jobs == 0)
}

// askOurs runs our program. If latency is set, the median job counts.
func askOurs(ctx context.Context, program string, args []string, latency bool) (sample, error) {
	var report struct {
		Items []struct {
			Ms      float64 `json:"ms"`
			P50Ms   float64 `json:"p50_ms"`
			FloorMs float64 `json:"floor_ms"`
		} `json:"items"`
	}
	if err := ask(ctx, &report, program, args...); err != nil {
		return sample{}, err
	}
	if len(report.Items) != 1 {
		return sample{}, fmt.Errorf("%d results, want 1", len(report.Items))
	}
	r := report.Items[0]
	if latency {
		return sample{ms: r.P50Ms}, nil
	}
	return sample{ms: r.Ms, floor: r.FloorMs}, nil
}

// ask reads the JSON that a program prints. The program starts when the disk has
// all that earlier ones wrote; otherwise, it would wait for their writes.
func ask(ctx context.Context, report any, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it removes what it made
	cmd.WaitDelay = 30 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	syscall.Sync()
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("failed: %w: %s", errors.Join(err, ctx.Err()), lastLine(stderr.String()))
	}
	return json.Unmarshal(out, report)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
