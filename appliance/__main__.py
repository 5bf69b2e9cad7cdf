"""`python -m appliance` is `gravure`."""

from appliance.cli import main

if __name__ == "__main__":
    main()
