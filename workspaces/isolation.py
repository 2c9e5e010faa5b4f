def faults(): return []
def refuse_unsafe_start(): pass
