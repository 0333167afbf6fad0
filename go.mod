module github.com/podgate/podgate

go 1.26
