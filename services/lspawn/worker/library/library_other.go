// SPDX-License-Identifier: ISC

//go:build !linux || s390x

package library

import (
	"errors"

	"postloop/services/table/worker"
)

// Open refuses.
func Open(func(string) string) worker.Open {
	return func(*worker.Settings) (worker.Table, error) {
		return nil, errors.New("libraries are not loaded on this system")
	}
}
