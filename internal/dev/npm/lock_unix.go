//go:build unix

package npm

import (
	"errors"
	"os"
	"syscall"
)

// flock takes a lock that ends with the process, if that is possible without
// waiting.
func flock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}

	return err == nil, err
}
