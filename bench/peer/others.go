package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// ready is what a joined process prints when it runs tasks.
const ready = "ready"

// others are the processes that run tasks for the first one. They end when their
// standard input does.
type others []*other

type other struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// startOthers starts the other processes of a variant and waits until they run
// tasks.
func startOthers(ctx context.Context, v Variant, address string, processes int) (all others, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for range processes - 1 {
		cmd := exec.CommandContext(
			ctx, self, "-variant", v.Name, "-processes", strconv.Itoa(processes), "-join", address,
		)
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return all, err
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return all, err
		}
		if err := cmd.Start(); err != nil {
			return all, err
		}
		all = append(all, &other{cmd: cmd, stdin: stdin})
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != ready+"\n" {
			return all, fmt.Errorf("a joined process printed %q: %w", line, err)
		}
	}
	return all, nil
}

func (all others) stop() error {
	var errs []error
	for _, o := range all {
		_ = o.stdin.Close() // the process may have ended
	}
	for _, o := range all {
		errs = append(errs, o.cmd.Wait())
	}
	return errors.Join(errs...)
}

// joined runs tasks until standard input ends.
func joined(ctx context.Context, v Variant, at Place) error {
	engine, err := v.Start(ctx, at)
	if err != nil {
		return err
	}
	if _, err := fmt.Println(ready); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(err, engine.Stop(limit))
}
