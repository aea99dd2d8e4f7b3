// SPDX-License-Identifier: ISC

// Package packaging has what makes images and packages of the programs: scripts,
// lists of files, units. The only code are tests, of "make interop" for the most
// part, which build them and run, install and remove what has been built.
//
// # Limits
//
// The tests need root, and what .ci/need-packaging installs. They change nothing
// outside of their temporary directories: a container has its namespaces, a
// package a system of its own.
package packaging
