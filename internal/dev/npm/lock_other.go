//go:build !unix

package npm

import (
	"errors"
	"os"
)

func flock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
