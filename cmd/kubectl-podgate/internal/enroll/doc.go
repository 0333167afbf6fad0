// Package enroll puts the traffic label into a Service's selector, and takes it
// out again, without losing a request: it checks what could go wrong, says what it
// is going to do, has every pod carry the label first, and watches the endpoints
// afterwards.
//
// Reading (world.go), judging (checks.go, tools.go, plan.go; pure) and writing
// (run.go) are apart.
package enroll
