"""GNU Radio between the antennas: a worker process under the interpreter that GNU Radio is installed for."""
