package tiff

import (
	"errors"
	"fmt"
)

// Code classifies why a raster cannot be used.
type Code string

// The codes of the packages below internal/raster.
const (
	CodeNotTIFF       Code = "not_tiff"       // the file does not start as a TIFF does
	CodeCorruptHeader Code = "corrupt_header" // a directory contradicts itself
	CodeTruncated     Code = "truncated"      // a structure lies beyond the end of the file
	CodeCorruptBlock  Code = "corrupt_block"  // a block of pixels cannot be decoded
	CodeUnsupported   Code = "unsupported"    // a valid file of a kind that is not read
	CodeInvalid       Code = "invalid_option" // an option that does not fit the file
	CodeTooLarge      Code = "raster_too_large"

	CodeNotGeoreferenced Code = "not_georeferenced"
	CodeGCPsOnly         Code = "gcps_only"
	CodeNoCRS            Code = "no_crs"
	CodeOutsideWorld     Code = "bounds_outside_world"
	CodeNotProjectable   Code = "crs_not_projectable" // to the projection of web tiles
	CodeInvalidCOG       Code = "invalid_cog"         // the parts of an output do not fit together
)

// Error is a permanent fault of a file or of an option.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an Error.
func Errorf(code Code, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of an Error in the chain of err, and otherwise "".
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}

	return ""
}
