"""Why does a service fail, and which repo or package is to be fixed? Look at everything, change nothing.

All but `loading`, `here`, `reading` and `reaching` is pure.

knowledge    what is known of symptoms, causes, owners and steps: values
loading      the same from patterns.yaml, checked
logs         a log as lines; what stands in it, with bounded time
tracebacks   tracebacks in a text, and which package raised
evidence     everything read of one service
signs        what the evidence shows, as words that patterns can ask for
verdict      signs and log against what is known: symptom, causes, how sure, what to do next
client_error what a client's traceback tells of the server
here         this machine: environment variables, installed packages
reading      read the evidence of services
reaching     the same on the real world
"""
