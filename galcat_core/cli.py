"""placeholder"""
def main() -> None:
    print("galcat")
