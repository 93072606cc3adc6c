"""Steps of recurrent cells on torch: cell.py, the operators; native.py, the calls under them."""
